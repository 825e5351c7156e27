import { createServer as createHttpServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createReadiness, type ReadinessSettings } from "../../src/adapters/readiness.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/network/free-port.ts";

const HOST = "127.0.0.1";
const NOBODY = new AbortController().signal;
const servers: { readonly server: Server; readonly sockets: Set<Socket> }[] = [];

afterEach(async () => {
  const all = servers.splice(0);
  await Promise.all(
    all.map(
      async ({ server, sockets }) =>
        await new Promise<void>((resolve) => {
          server.close(() => resolve());
          for (const socket of sockets) socket.destroy();
        }),
    ),
  );
});

/** On a free port of this machine; counts who connects. */
async function listening(server: Server) {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  servers.push({ server, sockets });
  const { port } = server.address() as AddressInfo;
  return { port, connections: () => connections, open: () => sockets.size };
}

/** Writes on until the other side is gone. */
function endlessly(write: (written: (error?: Error | null) => void) => void): void {
  write((error) => {
    if (!error) endlessly(write);
  });
}

const overHttp = (listener: RequestListener) => listening(createHttpServer(listener));
const overTcp = (onConnection: (socket: Socket) => void = () => {}) =>
  listening(
    createServer((socket) => {
      // Who does not read never hears that the other side is gone.
      socket.resume();
      onConnection(socket);
    }),
  );

function asking(probe: ReadinessSettings["probe"], more: Partial<ReadinessSettings> = {}) {
  const readiness = createReadiness({ probe, loopback: true, ...more });
  return async (address = HOST, signal = NOBODY) => await readiness.ask(address, signal);
}

describe("tcp", () => {
  it("is answered where somebody listens, and leaves no connection open", async () => {
    const { port, connections, open } = await overTcp();
    expect(await asking({ kind: "tcp", port })()).toEqual({ kind: "answered" });
    await eventually(() => connections() === 1 && open() === 0);
  });

  it("is silent where nobody does, and says why", async () => {
    const port = await freePort();
    expect(await asking({ kind: "tcp", port })()).toEqual({
      kind: "silent",
      detail: `tcp:${port}: connection refused (ECONNREFUSED)`,
    });
  });
});

describe("http", () => {
  const answering = async (status: number, headers: Readonly<Record<string, string>> = {}) => {
    const paths: unknown[] = [];
    const at = await overHttp((request, response) => {
      paths.push(request.url);
      response.writeHead(status, { ...headers }).end();
    });
    const answer = await asking({ kind: "http", port: at.port, path: "/healthz?deep=1" })();
    return { ...at, paths, answer };
  };

  it.each([200, 204, 299])("is answered by %i, once, on the path", async (status) => {
    const { answer, paths } = await answering(status);
    expect(answer).toEqual({ kind: "answered" });
    expect(paths).toEqual(["/healthz?deep=1"]);
  });

  it.each([301, 400, 404, 503])("is not answered by %i", async (status) => {
    const { answer, port } = await answering(status);
    const detail = `http:${port}/healthz?deep=1: it answered ${status}`;
    expect(answer).toEqual({ kind: "silent", detail });
  });

  it("follows no redirect", async () => {
    const elsewhere = await overHttp((_, response) => response.end());
    const location = `http://${HOST}:${elsewhere.port}/`;
    const { answer } = await answering(307, { location });
    expect(answer).toMatchObject({ kind: "silent" });
    expect(elsewhere.connections()).toBe(0);
  });

  it("reads the head only: a body without an end is left, and its connection closed", async () => {
    const { port, open } = await overHttp((_, response) => {
      response.writeHead(200);
      endlessly((more) => response.write("x".repeat(65_536), more));
    });
    expect(await asking({ kind: "http", port, path: "/" })()).toEqual({ kind: "answered" });
    await eventually(() => open() === 0);
  });

  it.each<[string, (socket: Socket) => void, string]>([
    ["a server that says nothing", () => {}, "no answer within 300 ms"],
    [
      "a head that does not end",
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\n");
        endlessly((more) => socket.write(`x-more: ${"x".repeat(1_000)}\r\n`, more));
      },
      "HPE_HEADER_OVERFLOW",
    ],
    ["what is not HTTP", (socket) => socket.write("SSH-2.0-OpenSSH\r\n\r\n"), "HPE_"],
    ["a connection that is closed", (socket) => socket.end(), "connection reset (ECONNRESET)"],
  ])("is silent for %s, and leaves it", async (_, behave, detail) => {
    const { port, open } = await overTcp(behave);
    const answer = await asking({ kind: "http", port, path: "/" }, { timeoutMs: 300 })();
    expect(answer).toEqual({ kind: "silent", detail: expect.stringContaining(detail) });
    await eventually(() => open() === 0);
  });
});

describe("a worker that stops", () => {
  it("asks nobody any more", async () => {
    const { port, connections } = await overTcp();
    const ask = asking({ kind: "tcp", port });
    expect(await ask(HOST, AbortSignal.abort())).toEqual({ kind: "unasked" });
    expect(connections()).toBe(0);
  });

  it("leaves an ask at once, and does not say that the server is silent", async () => {
    const { port, connections, open } = await overTcp();
    const stopping = new AbortController();
    const ask = asking({ kind: "http", port, path: "/" }, { timeoutMs: 60_000 });
    const asked = ask(HOST, stopping.signal);
    await eventually(() => connections() === 1);
    stopping.abort();
    expect(await asked).toEqual({ kind: "unasked" });
    await eventually(() => open() === 0);
  });
});

describe("an address that no server has as its own", () => {
  it.each([
    "0.0.0.0",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "ff02::1",
    "::ffff:169.254.169.254",
    "localhost",
    "server.example",
    "",
  ])("is not asked: %s", async (address) => {
    const { port, connections } = await overTcp();
    expect(await asking({ kind: "tcp", port })(address)).toEqual({
      kind: "silent",
      detail: `tcp:${port}: an address of this kind is not asked`,
    });
    expect(connections()).toBe(0);
  });

  it.each(["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])(
    "is this machine's, but for simulated servers: %s",
    async (address) => {
      const { port, connections } = await overTcp();
      const ask = asking({ kind: "tcp", port }, { loopback: false });
      expect(await ask(address)).toMatchObject({ kind: "silent" });
      expect(connections()).toBe(0);
    },
  );
});
