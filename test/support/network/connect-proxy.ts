import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

/** An HTTP proxy that knows CONNECT and nothing else, as a company's does. */
export interface ConnectProxy {
  readonly url: string;
  /** Where tunnels were asked for, e.g. `127.0.0.1:8080`, refused ones included. */
  readonly asked: readonly string[];
  /** From now on: refuses every tunnel with this status; null: opens them. Tunnels that are open end. */
  refuse(status: string | null): void;
  close(): Promise<void>;
}

/** `credentials`: `user:password` that must be shown; others are answered with 407. */
export async function startConnectProxy(credentials?: string): Promise<ConnectProxy> {
  const asked: string[] = [];
  const open = new Set<Socket>();
  let refusal: string | null = null;
  const expected =
    credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString("base64")}`;
  const server = createServer((_request, response) => {
    response.writeHead(405).end();
  });
  server.on("connection", (socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => open.delete(socket));
  });
  server.on("connect", (request, client: Socket) => {
    const authority = request.url ?? "";
    asked.push(authority);
    const unknown = request.headers["proxy-authorization"] !== expected;
    const status = refusal ?? (unknown ? "407 Proxy Authentication Required" : null);
    if (status !== null) {
      client.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const { hostname, port } = new URL(`http://${authority}`);
    const onward = connect(Number(port), hostname, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      client.pipe(onward).pipe(client);
    });
    onward.on("error", () => client.destroy());
    client.once("close", () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const endAll = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    refuse(status) {
      refusal = status;
      endAll();
    },
    async close() {
      endAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
