import { createServer, type Socket } from "node:net";
import { freePort } from "./free-port.ts";

export interface EchoServer {
  readonly port: number;
  /** Everything that arrived, of all connections. */
  readonly received: () => string;
  close(): Promise<void>;
}

/** Answers every byte with itself: the plainest server to try a proxy on. */
export async function startEchoServer(): Promise<EchoServer> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  let received = "";
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      socket.write(bytes);
    });
    socket.once("end", () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen({ port, host: "127.0.0.1" }, resolve));
  return {
    port,
    received: () => received,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
