import { connect } from "node:net";

/** Whether somebody accepts connections on a loopback port. */
export async function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
    socket.setTimeout(1_000, () => answer(false));
  });
}

/** Whether an AMQP broker answers the protocol header: an open port alone may be a proxy's. */
export async function speaksAmqp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const answer = (spoke: boolean) => {
      socket.destroy();
      resolve(spoke);
    };
    socket.once("connect", () => socket.write(Buffer.from("AMQP\x00\x00\x09\x01", "latin1")));
    // Connection.Start is a method frame (type 1); a broker that refuses answers with a header of its own ("A").
    socket.once("data", (bytes) => answer(bytes[0] === 1));
    socket.once("error", () => answer(false));
    socket.once("close", () => answer(false));
    socket.setTimeout(1_000, () => answer(false));
  });
}
