import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";

/** One connection that a {@link RawServer} took, with everything that came over it. */
interface Taken {
  readonly socket: Socket;
  /** Bytes as they came, chunk by chunk; above TLS where there is TLS. */
  readonly chunks: Buffer[];
  /** `end`: closed in an orderly way; `ECONNRESET`: reset. In order of their coming. */
  readonly endings: string[];
}

/** A server that does exactly what a test says, byte by byte. */
export interface RawServer {
  readonly url: string;
  readonly port: number;
  readonly taken: readonly Taken[];
  /** Everything that came over all connections. */
  text(): string;
  close(): Promise<void>;
}

export interface RawOptions {
  /** What to do with a connection. Default: nothing, for ever. */
  readonly onConnection?: (taken: Taken) => void;
  /** Once, when the head and the body it announces have come. */
  readonly onRequest?: (socket: Socket, request: string) => void;
  /** Takes no byte from the kernel until the test calls `socket.resume()`. */
  readonly paused?: boolean;
  readonly tls?: { readonly key: string; readonly cert: string };
}

export async function startRawServer(options: RawOptions = {}): Promise<RawServer> {
  const { onConnection, onRequest, paused = false, tls } = options;
  const taken: Taken[] = [];
  const open = new Set<Socket>();

  function take(socket: Socket): void {
    const one: Taken = { socket, chunks: [], endings: [] };
    taken.push(one);
    let asked = false;
    socket.on("data", (chunk: Buffer) => {
      one.chunks.push(chunk);
      const request = Buffer.concat(one.chunks).toString("latin1");
      if (asked || !isWhole(request)) return;
      asked = true;
      onRequest?.(socket, request);
    });
    if (paused) socket.pause();
    socket.on("end", () => one.endings.push("end"));
    socket.on("error", (error: NodeJS.ErrnoException) => one.endings.push(error.code ?? "error"));
    onConnection?.(one);
  }

  const server: Server =
    tls === undefined
      ? createServer({ pauseOnConnect: paused }, take)
      : createTlsServer(tls, (socket: TLSSocket) => take(socket)).on("tlsClientError", () => {});
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    port,
    taken,
    text: () => taken.map(({ chunks }) => Buffer.concat(chunks).toString("latin1")).join(""),
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A whole answer with its length. */
export function answerText(status: string, body: string, headers: readonly string[] = []): string {
  const length = Buffer.byteLength(body);
  return [`HTTP/1.1 ${status}`, `Content-Length: ${length}`, ...headers, "", body].join("\r\n");
}

/** A proxy: takes every CONNECT and passes bytes on to one port. */
export function tunnelTo(port: number): RawOptions {
  return {
    onRequest: (socket) => {
      const onward = connect(port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        socket.pipe(onward).pipe(socket);
      });
      onward.on("error", () => socket.destroy());
      socket.on("close", () => onward.destroy());
    },
  };
}

function isWhole(request: string): boolean {
  const end = request.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = Number(/^content-length: (\d+)/im.exec(request)?.[1] ?? 0);
  return request.length >= end + 4 + length;
}
