import type { Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { freePort } from "../../support/network/free-port.ts";
import {
  answerText,
  type RawOptions,
  type RawServer,
  startRawServer,
  tunnelTo,
} from "./raw-server.ts";
import {
  ACCESS_KEY,
  cloudAt,
  JOB,
  powerCall,
  PROJECT,
  SECRET_KEY,
  SERVER,
  type Setup,
  signal,
} from "./setup.ts";

const SHOWN = JSON.stringify({
  server: {
    id: SERVER,
    status: "SHUTOFF",
    "OS-EXT-STS:vm_state": "stopped",
    "OS-EXT-STS:task_state": null,
    "os-extended-volumes:volumes_attached": [{ id: "disk-1", bootIndex: "0" }],
  },
});

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

describe("reading over the pool", () => {
  it("uses a connection again", async () => {
    const server = await start(answering(answerText("200 OK", SHOWN)));
    const { api } = cloud(server.url, { poolConnections: 1 });
    await api.look(PROJECT, SERVER, signal());
    await api.look(PROJECT, SERVER, signal());
    expect(server.taken).toHaveLength(1);
  });

  it("sends a signed request for the right path and project", async () => {
    const { server, api } = await setUp(answering(answerText("200 OK", SHOWN)));
    expect(await api.look(PROJECT, SERVER, signal())).toMatchObject({ kind: "seen" });
    const text = server.text();
    expect(text).toMatch(new RegExp(`^GET /v1/${PROJECT}/cloudservers/${SERVER} HTTP/1.1\r\n`));
    expect(text).toContain(`x-project-id: ${PROJECT}\r\n`);
    expect(text).toMatch(/\r\nx-sdk-date: \d{8}T\d{6}Z\r\n/);
    expect(text).toMatch(
      /SignedHeaders=content-type;host;x-project-id;x-sdk-date, Signature=[0-9a-f]{64}\r\n/,
    );
  });

  it.each([
    ["says nothing", () => {}],
    ["hangs up", (socket: Socket) => socket.destroy()],
    ["hangs up in the middle of its head", (socket: Socket) => socket.end("HTTP/1.1 200 OK\r\nX")],
    [
      "hangs up in the middle of its body",
      (socket: Socket) => socket.end(answerText("200 OK", SHOWN).slice(0, -5)),
    ],
    ["sends half of its JSON", answer(answerText("200 OK", SHOWN.slice(0, 40)))],
    ["sends HTML", answer(answerText("200 OK", "<html><body>Bad Gateway</body></html>"))],
    ["sends an empty body", answer(answerText("200 OK", ""))],
    ["sends 204", answer("HTTP/1.1 204 No Content\r\n\r\n")],
    ["sends a list", answer(answerText("200 OK", "[]"))],
    ["sends too much", answer(answerText("200 OK", " ".repeat(70_000)))],
    ["sends too long a head", answer(answerText("200 OK", SHOWN, [`X: ${"x".repeat(20_000)}`]))],
    ["fails with an empty 502", answer(answerText("502 Bad Gateway", ""))],
    ["shows another server", answer(answerText("200 OK", SHOWN.replace(SERVER, JOB)))],
    ["drips a body", drip],
  ])(
    "cannot read a cloud that %s, and knows nothing of server and job",
    async (_name, onRequest) => {
      const { api } = await setUp({ onRequest });
      const [look, job] = await Promise.all([
        api.look(PROJECT, SERVER, signal()),
        api.job(PROJECT, SERVER, JOB, signal()),
      ]);
      expect(look).toMatchObject({ kind: "unreadable", waitsFor: "cloud-unavailable" });
      expect(job).toMatchObject({ kind: "unreadable", waitsFor: "cloud-unavailable" });
    },
  );

  it("reads an answer whose content type is wrong", async () => {
    const { api } = await setUp(
      answering(answerText("200 OK", SHOWN, ["Content-Type: text/html; charset=gbk"])),
    );
    expect(await api.look(PROJECT, SERVER, signal())).toMatchObject({ kind: "seen" });
  });

  it.each([
    ["a code of the table", "404 Not Found", '{"error":{"code":"Ecs.0114"}}', "Ecs.0114"],
    ["the gateway's older spelling", "500 Oops", '{"error_code":"APIG.0601"}', "APIGW.0601"],
    [
      "a native fault",
      "404 Not Found",
      '{"itemNotFound":{"message":"no","code":404}}',
      "itemNotFound",
    ],
    ["a code of no table", "400 Bad Request", '{"error":{"code":"Ecs.9999"}}', "other"],
    ["no code", "502 Bad Gateway", "<html>Bad Gateway</html>", "none"],
    ["no code and no body", "401 Unauthorized", "", "none"],
  ])("tells of %s, from a closed list", async (_name, status, body, cloudCode) => {
    const { api, requests } = await setUp(answering(answerText(status, body)));
    await api.look(PROJECT, SERVER, signal());
    expect(requests).toMatchObject([{ operation: "look", cloudCode }]);
  });

  it("cannot read when nobody listens", async () => {
    const { api, requests } = cloud(`http://127.0.0.1:${await freePort()}`);
    expect(await api.look(PROJECT, SERVER, signal())).toMatchObject({ kind: "unreadable" });
    expect(requests).toMatchObject([{ operation: "look", outcome: "not-sent", httpStatus: null }]);
  });

  it("does not follow a redirect, and sends no signature there", async () => {
    const other = await start(answering(answerText("200 OK", SHOWN)));
    const { api } = await setUp(
      answering(answerText("302 Found", "", [`Location: ${other.url}/elsewhere`])),
    );
    expect(await api.look(PROJECT, SERVER, signal())).toMatchObject({ kind: "unreadable" });
    expect(other.taken).toHaveLength(0);
  });

  it("ends at once when the caller gives up", async () => {
    const { api } = await setUp({});
    const controller = new AbortController();
    const looking = api.look(PROJECT, SERVER, controller.signal);
    setTimeout(() => controller.abort(), 20);
    const startedMs = performance.now();
    expect(await looking).toMatchObject({ kind: "unreadable" });
    expect(performance.now() - startedMs).toBeLessThan(300);
  });

  it("gives the cloud's clock, taken for the middle of the exchange", async () => {
    const date = "Mon, 23 Nov 2026 14:20:00 GMT";
    const { api } = await setUp({
      onRequest: (socket) =>
        setTimeout(() => socket.write(answerText("200 OK", SHOWN, [`Date: ${date}`])), 200),
    });
    const look = await api.look(PROJECT, SERVER, signal());
    const { cloudTimeMs } = look.kind === "seen" ? look.server : { cloudTimeMs: null };
    expect((cloudTimeMs ?? 0) - Date.parse(date)).toBeGreaterThanOrEqual(95);
    expect((cloudTimeMs ?? 0) - Date.parse(date)).toBeLessThan(300);
    expect(Math.abs((api.clockOffsetMs() ?? 0) - ((cloudTimeMs ?? 0) - Date.now()))).toBeLessThan(
      50,
    );
  });

  it("repeats no request by itself", async () => {
    const { server, api } = await setUp({ onRequest: (socket) => socket.destroy() });
    await api.look(PROJECT, SERVER, signal());
    expect(server.text().match(/GET /g)).toHaveLength(1);
  });

  it("shows no secret in what it tells, although the cloud quotes all of them", async () => {
    const echo = (socket: Socket, request: string) => {
      const quoted = `${request.replaceAll(/\r\n/g, "|")} ${SECRET_KEY} ${ACCESS_KEY}`;
      const body = JSON.stringify({
        error_code: "APIGW.0301",
        error_msg: quoted,
        request_id: "r-1",
      });
      socket.write(answerText("401 Unauthorized", body));
    };
    const { api, requests } = await setUp({ onRequest: echo });
    const look = await api.look(PROJECT, SERVER, signal());
    const told = JSON.stringify([look, requests]);
    expect(look).toMatchObject({ kind: "unreadable", cloudCode: "APIGW.0301" });
    expect(told).toContain("r-1");
    expect(told).not.toMatch(/Signature=[0-9a-f]/);
    for (const secret of [SECRET_KEY, ACCESS_KEY]) expect(told).not.toContain(secret);
  });
});

describe("the proxy of the environment", () => {
  it("carries reads and the POST through a tunnel", async () => {
    const origin = await start(answering(answerText("200 OK", '{"job_id":"j-1"}')));
    const proxy = await start(tunnelTo(origin.port));
    const { api } = cloud(origin.url, {
      proxies: { ecs: `http://user:p%40ss@127.0.0.1:${proxy.port}` },
    });
    await api.look(PROJECT, SERVER, signal());
    expect(await api.stop(PROJECT, SERVER, "SOFT", powerCall())).toEqual({
      kind: "accepted",
      jobId: "j-1",
    });
    expect(proxy.text().match(/CONNECT 127\.0\.0\.1:\d+ HTTP/g)).toHaveLength(2);
    expect(proxy.text()).toContain(`Basic ${Buffer.from("user:p@ss").toString("base64")}`);
    expect(origin.text()).not.toContain("Basic");
  });

  it.each([
    ["wants credentials", answer(refusal("407 Proxy Authentication Required")), /with 407/],
    ["forbids it", answer(refusal("403 Forbidden")), /with 403/],
    ["does not reach the cloud", answer(refusal("502 Bad Gateway")), /with 502/],
    ["hangs up", (socket: Socket) => socket.destroy(), /closed/],
    ["says nothing", () => {}, /no connection within/],
  ])("leaves a request unsent when it %s, and is named without its password", async (...row) => {
    const [, onRequest, why] = row;
    const origin = await start({});
    const proxy = await start({ onRequest });
    const { api } = cloud(origin.url, {
      proxies: { ecs: `http://me:hidden-pass@127.0.0.1:${proxy.port}` },
    });
    const sent = await submit(api);
    const read = await api.look(PROJECT, SERVER, signal());
    expect([sent.kind, read.kind]).toEqual(["not-sent", "unreadable"]);
    for (const message of [messageOf(sent), messageOf(read)]) {
      expect(message).toContain(`proxy ${proxy.url}: `);
      expect(message).toMatch(why);
      expect(message).not.toMatch(/hidden-pass|me:/);
    }
    expect(origin.taken).toHaveLength(0);
  });

  it("is named when nobody listens there", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { api } = cloud("http://127.0.0.1:9", { proxies: { ecs: url } });
    const sent = await submit(api);
    expect([sent.kind, messageOf(sent)]).toEqual([
      "not-sent",
      expect.stringMatching(`^proxy ${url}: .*ECONNREFUSED`),
    ]);
    expect(messageOf(await api.look(PROJECT, SERVER, signal()))).toContain(`proxy ${url}: `);
    expect(api.standings()[0]).toMatchObject({ state: "untested" });
    expect(api.standings()[0]?.cause).toContain(`proxy ${url}: `);
  });

  it("is named when the tunnel breaks after the request is out", async () => {
    const origin = await start({ onRequest: (socket) => socket.destroy() });
    const proxy = await start(tunnelTo(origin.port));
    const { api } = cloud(origin.url, { proxies: { ecs: proxy.url } });
    const sent = await submit(api);
    expect([sent.kind, messageOf(sent)]).toEqual(["unknown", expect.stringContaining(proxy.url)]);
  });

  it("is not used for an endpoint that has none", async () => {
    const origin = await start(answering(answerText("200 OK", SHOWN)));
    const { api } = cloud(origin.url, { proxies: { iam: "http://127.0.0.1:9" } });
    expect(await api.look(PROJECT, SERVER, signal())).toMatchObject({ kind: "unreadable" });
    const elsewhere = cloud(origin.url, {
      iamEndpoint: "http://127.0.0.1:9",
      proxies: { iam: "http://127.0.0.1:9" },
    });
    expect(await elsewhere.api.look(PROJECT, SERVER, signal())).toMatchObject({ kind: "seen" });
  });
});

function refusal(status: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`;
}

async function submit(api: Setup["api"]) {
  const signing = await api.sign(PROJECT, SERVER, { userid: "u" }, signal());
  return signing.kind === "signed" ? signing.request.send(signal()) : signing;
}

function messageOf(outcome: object): string {
  return "message" in outcome && typeof outcome.message === "string" ? outcome.message : "";
}

function answering(text: string): RawOptions {
  return { onConnection: ({ socket }) => socket.on("data", () => socket.write(text)) };
}

function answer(text: string) {
  return (socket: Socket) => void socket.write(text);
}

function drip(socket: Socket): void {
  socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
  const timer = setInterval(() => socket.write(" "), 50);
  socket.on("close", () => clearInterval(timer));
}

async function start(options: RawOptions): Promise<RawServer> {
  const server = await startRawServer(options);
  closers.push(() => server.close());
  return server;
}

function cloud(...args: Parameters<typeof cloudAt>): Setup {
  const made = cloudAt(...args);
  closers.push(() => made.api.close());
  return made;
}

async function setUp(options: RawOptions): Promise<Setup & { readonly server: RawServer }> {
  const server = await start(options);
  return { server, ...cloud(server.url) };
}
