import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Certificates, makeCertificates } from "../../support/network/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import {
  answerText,
  type RawOptions,
  type RawServer,
  startRawServer,
  tunnelTo,
} from "./raw-server.ts";
import { cloudAt, JOB, PROJECT, SERVER, type Setup, signal } from "./setup.ts";

const ACCEPTED = answerText("200 OK", '{"job_id":"j-1"}');
const SHOWN = answerText(
  "200 OK",
  JSON.stringify({ status: "RUNNING", job_id: JOB, entities: { server_id: SERVER } }),
);

const closers: (() => Promise<void>)[] = [];
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
  await Promise.all(closers.splice(0).map((close) => close()));
});

describe("the whole adapter over TLS", () => {
  it("reads over a connection that it keeps, and posts over one of its own", async () => {
    const origin = await start(answering(SHOWN, ACCEPTED), tls);
    const { api } = cloud(origin.url, { poolConnections: 1 });
    for (let i = 0; i < 3; i += 1) {
      expect(await api.job(PROJECT, SERVER, JOB, signal())).toMatchObject({ kind: "running" });
    }
    expect(await submit(api)).toEqual({ kind: "accepted", jobId: "j-1" });
    expect(origin.taken).toHaveLength(2);
  });

  it.each(["http", "https"] as const)("goes through a proxy of %s", async (scheme) => {
    const origin = await start(answering(SHOWN, ACCEPTED), tls);
    const proxy = await start(tunnelTo(origin.port), scheme === "https" ? tls : undefined);
    const { api } = cloud(origin.url, { proxies: { ecs: proxy.url } });
    expect(await api.job(PROJECT, SERVER, JOB, signal())).toMatchObject({ kind: "running" });
    expect(await submit(api)).toEqual({ kind: "accepted", jobId: "j-1" });
    // The proxy sees where, and not a word of what.
    expect(proxy.text()).toMatch(/^CONNECT 127\.0\.0\.1:\d+ HTTP\/1\.1\r\n/);
    expect(proxy.text()).not.toMatch(/authorization: SDK|os-reinstall/i);
  });

  it.each(["http", "https"] as const)(
    "does not know what became of a request through a proxy of %s that is met with silence",
    async (scheme) => {
      const origin = await start({}, tls);
      const proxy = await start(tunnelTo(origin.port), scheme === "https" ? tls : undefined);
      const { api } = cloud(origin.url, {
        proxies: { ecs: proxy.url },
        timeouts: { connectMs: 500, headersMs: 500, bodyMs: 500, postMs: 400 },
      });
      expect(await submit(api)).toMatchObject({ kind: "unknown" });
      expect(origin.text()).toContain("os-reinstall");
      await eventually(() => expect(proxy.taken[0]?.endings).toContain("ECONNRESET"));
    },
  );

  it("does not send a request to a stranger behind the proxy", async () => {
    const stranger = await start({}, tls);
    const proxy = await start(tunnelTo(stranger.port));
    const { api } = cloud("https://ecs.example.invalid", {
      proxies: { ecs: proxy.url },
    });
    expect(await submit(api)).toMatchObject({
      kind: "not-sent",
      message: expect.stringMatching(/^tls: .*through the proxy http:\/\/127\.0\.0\.1:\d+/),
    });
    expect(stranger.text()).toBe("");
  });

  it.each([
    ["hangs up in an orderly way", (taken: RawServer["taken"][number]) => taken.socket.end()],
    ["resets", (taken: RawServer["taken"][number]) => taken.socket.resetAndDestroy()],
  ])("is not sent to a server that %s within the handshake", async (_how, ending) => {
    const origin = await start({
      onConnection: (taken) => taken.socket.once("data", () => ending(taken)),
    });
    const { api } = cloud(origin.url.replace("http:", "https:"));
    expect(await submit(api)).toMatchObject({ kind: "not-sent" });
  });

  it("trusts another authority from the next connection on, when the file is replaced", async () => {
    const origin = await start(answering(SHOWN, ACCEPTED), tls);
    const others = await makeCertificates();
    closers.push(() => others.remove());
    let trusted = readFileSync(others.server.caFile, "utf8");
    const { api } = cloud(origin.url, { caPem: () => trusted });
    expect(await api.job(PROJECT, SERVER, JOB, signal())).toMatchObject({ kind: "unreadable" });
    trusted = caPem;
    expect(await submit(api)).not.toMatchObject({ kind: "not-sent" });
    trusted = "half a file";
    expect(await api.job(PROJECT, SERVER, JOB, signal())).toMatchObject({ kind: "unreadable" });
  });

  it("reads nothing from a server that nobody vouches for", async () => {
    const origin = await start(answering(SHOWN, ACCEPTED), tls);
    const { api } = cloud(origin.url, { caPem: undefined });
    const job = await api.job(PROJECT, SERVER, JOB, signal());
    expect(job).toMatchObject({ kind: "unreadable", waitsFor: "cloud-unavailable" });
    expect(origin.text()).toBe("");
  });

  it("survives reads that are given up at any moment", async () => {
    const origin = await start(answering(SHOWN, ACCEPTED), tls);
    const { api } = cloud(origin.url, { poolConnections: 2 });
    for (let ms = 0; ms < 12; ms += 1) {
      const controller = new AbortController();
      const jobs = [1, 2, 3].map(() => api.job(PROJECT, SERVER, JOB, controller.signal));
      setTimeout(() => controller.abort(), ms);
      await Promise.all(jobs);
    }
    expect(await api.job(PROJECT, SERVER, JOB, signal())).toMatchObject({ kind: "running" });
  });

  it("survives POSTs that are given up at any moment, and tells the truth about each", async () => {
    for (let ms = 0; ms < 12; ms += 1) {
      const origin = await start({}, tls);
      const { api } = cloud(origin.url);
      const controller = new AbortController();
      const signing = await api.sign(PROJECT, SERVER, { userid: "u" }, signal());
      setTimeout(() => controller.abort(), ms);
      const sent = signing.kind === "signed" ? await signing.request.send(controller.signal) : null;
      expect(["not-sent", "unknown"]).toContain(sent?.kind);
      if (sent?.kind === "not-sent") expect(origin.text()).toBe("");
    }
  });
});

function answering(get: string, post: string): RawOptions {
  return {
    onConnection: ({ socket }) =>
      socket.on("data", (bytes: Buffer) => {
        socket.write(bytes.toString().startsWith("GET") ? get : post);
      }),
  };
}

async function start(options: RawOptions, secure?: typeof tls): Promise<RawServer> {
  const server = await startRawServer({
    ...options,
    ...(secure === undefined ? {} : { tls: secure }),
  });
  closers.push(() => server.close());
  return server;
}

function cloud(...[url, changes]: Parameters<typeof cloudAt>): Setup {
  const made = cloudAt(url, { caPem: () => caPem, ...changes });
  closers.push(() => made.api.close());
  return made;
}

async function submit(api: Setup["api"]) {
  const signing = await api.sign(PROJECT, SERVER, { userid: "u" }, signal());
  return signing.kind === "signed" ? signing.request.send(signal()) : signing;
}
