import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createConnect } from "../../../src/adapters/cloud/http/connect.ts";
import type { Exchange } from "../../../src/adapters/cloud/http/exchange.ts";
import { createPostOnce } from "../../../src/adapters/cloud/http/post-once.ts";
import { type Certificates, makeCertificates } from "../../support/network/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/network/free-port.ts";
import { answerText, type RawOptions, type RawServer, startRawServer } from "./raw-server.ts";

const BODY = '{"os-reinstall":{"userid":"u"}}';
const ACCEPTED = answerText("200 OK", '{"job_id":"j-1"}', ["Content-Type: application/json"]);

const servers: RawServer[] = [];
let certificates: Certificates;
let tls: { readonly key: string; readonly cert: string };
let caPem: string;

beforeAll(async () => {
  certificates = await makeCertificates();
  const { caFile, certFile, keyFile } = certificates.server;
  tls = { key: readFileSync(keyFile, "utf8"), cert: readFileSync(certFile, "utf8") };
  caPem = readFileSync(caFile, "utf8");
});
afterAll(() => certificates.remove());
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe.each(["http", "https"] as const)("the single POST over %s", (scheme) => {
  it("brings back the whole answer", async () => {
    const server = await start({ onRequest: (socket) => socket.write(ACCEPTED) }, scheme);
    const result = await post(server.url);
    expect(result).toMatchObject({
      kind: "answered",
      answer: { status: 200, body: '{"job_id":"j-1"}' },
    });
  });

  it("writes head and body at once, and asks for the end of the connection", async () => {
    const server = await start({ onRequest: (socket) => socket.write(ACCEPTED) }, scheme);
    await post(server.url);
    const [first] = server.taken[0]?.chunks ?? [];
    expect(first?.toString()).toMatch(
      /^POST \/v2\/x HTTP\/1\.1\r\n[\s\S]*\r\n\r\n\{"os-reinstall"/,
    );
    expect(first?.toString()).toMatch(/\r\nconnection: close\r\n/i);
    expect(server.taken[0]?.chunks).toHaveLength(1);
  });

  it("uses no connection twice, however long the server keeps it open", async () => {
    const server = await start({ onRequest: (socket) => socket.write(ACCEPTED) }, scheme);
    await post(server.url);
    await post(server.url);
    expect(server.taken).toHaveLength(2);
  });

  it("does not know what became of a request that is met with silence, and resets the connection", async () => {
    const server = await start({}, scheme);
    const result = await post(server.url, { totalMs: 300 });
    expect(result).toEqual({ kind: "unknown", message: "no answer within 300 ms" });
    await expectReset(server);
  });

  it("does not know what became of a request whose connection was reset after it was read", async () => {
    const server = await start({ onRequest: (socket) => socket.destroy() }, scheme);
    expect(await post(server.url)).toMatchObject({ kind: "unknown" });
    expect(server.taken).toHaveLength(1);
  });

  it.each([
    ["a head that comes byte by byte", (write: Write) => drip(write, "HTTP/1.1 200 OK\r\nX-A: b")],
    [
      "a body that comes byte by byte",
      (write: Write) => {
        write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
        return drip(write, '{"job_id":"j-1"}');
      },
    ],
    [
      "an endless chunked body",
      (write: Write) => {
        write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        return drip(write, "1\r\n \r\n".repeat(100), 6);
      },
    ],
  ])("gives up at its time-out, not later, on %s", async (_name, answer) => {
    let stop = () => {};
    const server = await start(
      {
        onRequest: (socket) => {
          stop = answer((text) => socket.write(text));
        },
      },
      scheme,
    );
    const startedMs = performance.now();
    const result = await post(server.url, { totalMs: 400 });
    stop();
    expect(result).toEqual({ kind: "unknown", message: "no answer within 400 ms" });
    expect(performance.now() - startedMs).toBeLessThan(1_500);
    await expectReset(server);
  });

  it.each([
    ["ends within its head", "HTTP/1.1 200 OK\r\nContent-Le"],
    ["ends within its body", 'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"job_id":"j-1"}'],
    ["ends within a chunk", 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{"job_id"'],
    ["is not HTTP", "220 mail.example ESMTP\r\n"],
    [
      "switches protocols",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
    ["is nothing at all", ""],
  ])("does not know what became of a request whose answer %s", async (_name, answer) => {
    const server = await start({ onRequest: (socket) => socket.end(answer) }, scheme);
    expect(await post(server.url)).toMatchObject({ kind: "unknown" });
    expect(server.taken).toHaveLength(1);
  });

  it("stops reading an answer at its limit", async () => {
    let written = 0;
    const server = await start(
      {
        onRequest: (socket) => {
          socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
          const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
          const pour = () => {
            while (!socket.destroyed && socket.write(chunk)) written += chunk.length;
          };
          socket.on("drain", pour);
          pour();
        },
      },
      scheme,
    );
    const result = await post(server.url, { maxAnswerBytes: 10_000 });
    expect(result).toMatchObject({ kind: "unknown" });
    await eventually(() => expect(server.taken[0]?.socket.destroyed).toBe(true));
    expect(written).toBeLessThan(50_000_000);
  });

  it("waits through interim answers for the real one", async () => {
    const early = "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n";
    const server = await start({ onRequest: (socket) => socket.write(early + ACCEPTED) }, scheme);
    expect(await post(server.url)).toMatchObject({ kind: "answered", answer: { status: 200 } });
  });

  it("takes a 204 and an empty 200 as whole answers", async () => {
    const none = await start(
      { onRequest: (s) => s.write("HTTP/1.1 204 No Content\r\n\r\n") },
      scheme,
    );
    const empty = await start({ onRequest: (s) => s.write(answerText("200 OK", "")) }, scheme);
    expect(await post(none.url)).toMatchObject({ answer: { status: 204, body: "" } });
    expect(await post(empty.url)).toMatchObject({ answer: { status: 200, body: "" } });
  });

  it("does not follow a redirect, and sends no credentials there", async () => {
    const other = await start({ onRequest: (socket) => socket.write(ACCEPTED) }, scheme);
    const server = await start(
      {
        onRequest: (socket) =>
          socket.write(answerText("307 Temporary Redirect", "", [`Location: ${other.url}/v2/x`])),
      },
      scheme,
    );
    expect(await post(server.url)).toMatchObject({ kind: "answered", answer: { status: 307 } });
    expect(other.taken).toHaveLength(0);
  });

  it("resets the connection when the caller gives up, and does not know", async () => {
    const controller = new AbortController();
    // Not within the server's own callback: client and server share this process.
    const onRequest = () => void setImmediate(() => controller.abort());
    const server = await start({ onRequest }, scheme);
    const result = await post(server.url, { signal: controller.signal });
    expect(result).toEqual({ kind: "unknown", message: "aborted" });
    await expectReset(server);
  });

  it("sends nothing when the last word before the first byte is no", async () => {
    const server = await start({}, scheme);
    expect(await post(server.url, { mayBegin: () => false })).toMatchObject({ kind: "not-sent" });
    expect(server.text()).toBe("");
  });

  it("sends nothing when the caller has given up before", async () => {
    const server = await start({}, scheme);
    const result = await post(server.url, { signal: AbortSignal.abort() });
    expect(result).toEqual({ kind: "not-sent", message: "aborted" });
    expect(server.taken).toHaveLength(0);
  });

  it("delivers nothing after its time-out of what the other side had not taken", async () => {
    const server = await start({ paused: true }, scheme);
    const body = Buffer.alloc(20_000_000, "x");
    const result = await post(server.url, { totalMs: 500, body });
    expect(result).toMatchObject({ kind: "unknown" });
    // Only now does the other side read: what its own kernel took, and not one byte more.
    const [taken] = server.taken;
    taken?.socket.resume();
    await eventually(() => expect(taken?.socket.destroyed).toBe(true), { timeoutMs: 5_000 });
    const bytes = server.text().length;
    expect(bytes).toBeLessThan(body.length / 2);
    expect(server.text()).toContain("POST /v2/x");
  });

  it("tells the truth about a connection that ends as soon as it is made", async () => {
    const server = await start(
      { onConnection: ({ socket }) => socket.resetAndDestroy?.() },
      "http",
    );
    const result = await post(server.url);
    expect(["not-sent", "unknown"]).toContain(result.kind);
    if (result.kind === "not-sent") expect(server.text()).toBe("");
  });
});

describe("the single POST without a connection", () => {
  it("is not sent to a port where nobody listens", async () => {
    const result = await post(`http://127.0.0.1:${await freePort()}`);
    expect(result).toMatchObject({ kind: "not-sent", message: expect.stringMatching(/^tcp: /) });
  });

  it("is not sent to a name that does not exist", async () => {
    const result = await post("http://does-not-exist.invalid");
    expect(result).toMatchObject({ kind: "not-sent", message: expect.stringMatching(/^name: /) });
  });

  it("is not sent to a server whose certificate nobody signed that we trust", async () => {
    const server = await start({}, "https");
    const result = await post(server.url, { trust: undefined });
    expect(result).toMatchObject({ kind: "not-sent", message: expect.stringMatching(/^tls: /) });
    expect(server.text()).toBe("");
  });

  it("is not sent to a server whose certificate is for another name", async () => {
    const server = await start({}, "https");
    const result = await post(server.url.replace("127.0.0.1", "127.0.0.2"));
    expect(result).toMatchObject({ kind: "not-sent" });
    expect(server.text()).toBe("");
  });

  it("is not sent when certificates are not checked by order of the environment, for they are", async () => {
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      const server = await start({}, "https");
      expect(await post(server.url, { trust: undefined })).toMatchObject({ kind: "not-sent" });
    } finally {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    }
  });

  it("is not sent while the TLS handshake stalls", async () => {
    const server = await start({}, "http");
    const result = await post(server.url.replace("http:", "https:"), { connectMs: 300 });
    expect(result).toEqual({ kind: "not-sent", message: "tls: no connection within 300 ms" });
    expect(server.text()).not.toContain("POST");
  });

  it("is not sent when the total time is over before TLS is up", async () => {
    const server = await start({}, "http");
    const result = await post(server.url.replace("http:", "https:"), { totalMs: 300 });
    expect(result).toEqual({ kind: "not-sent", message: "no answer within 300 ms" });
  });

  it("is not sent when the connection is reset within the TLS handshake", async () => {
    const server = await start(
      { onConnection: ({ socket }) => socket.once("data", () => socket.resetAndDestroy()) },
      "http",
    );
    const result = await post(server.url.replace("http:", "https:"));
    expect(result).toMatchObject({ kind: "not-sent", message: expect.stringMatching(/^tls: /) });
  });
});

type Write = (text: string) => void;

/** Writes a few characters every 20 ms; gives back how to stop. */
function drip(write: Write, text: string, size = 1): () => void {
  let at = 0;
  const timer = setInterval(() => {
    if (at < text.length) write(text.slice(at, at + size));
    at += size;
  }, 20);
  return () => clearInterval(timer);
}

async function start(options: RawOptions, scheme: "http" | "https"): Promise<RawServer> {
  const server = await startRawServer({ ...options, ...(scheme === "https" ? { tls } : {}) });
  servers.push(server);
  return server;
}

interface PostOptions {
  readonly totalMs?: number;
  readonly connectMs?: number;
  readonly maxAnswerBytes?: number;
  readonly trust?: string | undefined;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
  readonly mayBegin?: () => boolean;
}

function post(url: string, options: PostOptions = {}): Promise<Exchange> {
  const { totalMs = 5_000, connectMs = 5_000, maxAnswerBytes = 65_536 } = options;
  const trust = "trust" in options ? options.trust : caPem;
  const send = createPostOnce({
    connect: createConnect({
      connectMs,
      caPem: trust === undefined ? undefined : () => trust,
      resettable: true,
    }),
    totalMs,
    maxAnswerBytes,
  });
  const origin = new URL(url);
  return send(
    origin,
    {
      method: "POST",
      target: "/v2/x",
      headers: { host: origin.host, authorization: "secret" },
      body: options.body ?? Buffer.from(BODY),
    },
    options.signal ?? new AbortController().signal,
    options.mayBegin ?? (() => true),
  );
}

/** An orderly end would let the kernel deliver what it still holds. */
async function expectReset(server: RawServer): Promise<void> {
  await eventually(() => expect(server.taken[0]?.endings).toEqual(["ECONNRESET"]));
}
