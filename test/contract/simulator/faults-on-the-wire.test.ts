import { connect } from "node:net";
import { performance } from "node:perf_hooks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { errorAnswer } from "../../../src/simulator/requests/answers.ts";
import { catalogueEntry, knownCodes } from "../../../src/simulator/requests/error-catalogue.ts";
import type { FaultSpec } from "../../../src/simulator/faults/fault-schema.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { SimulatedServer, Simulator } from "../../../src/simulator/simulator.ts";
import { type Answer, cloudClient, KEY_BODY, P } from "./cloud-client.ts";

let simulator: Simulator;
let server: SimulatedServer;

beforeEach(async () => {
  simulator = await startSimulator({ jobDurationMs: 600_000 });
  server = simulator.addServer({ state: "SHUTOFF" });
});

afterEach(async () => {
  await simulator.close();
});

const set = (spec: Omit<FaultSpec, "operation">) =>
  simulator.faults.set({ operation: "reinstall", ...spec });
const reinstall = async (id = server.id) => await cloudClient(simulator).reinstall(id);
const outcome = async (call: Promise<Answer>) =>
  await call.then(
    (answer) => answer.status,
    (error: NodeJS.ErrnoException) => error.code,
  );
const executed = () => simulator.ledger().servers[server.id]?.reinstallsExecuted ?? 0;

/** Everything that comes back on a bare socket until it ends, and how it ends. */
async function rawGet(path: string, stopAfterBytes = Infinity) {
  const socket = connect(simulator.port, "127.0.0.1");
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  let text = "";
  return await new Promise<{ text: string; end: string }>((resolve) => {
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (text.length >= stopAfterBytes) {
        socket.destroy();
        resolve({ text, end: "stopped" });
      }
    });
    socket.on("end", () => resolve({ text, end: "fin" }));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve({ text, end: error.code ?? "" }));
  });
}

describe("a connection fault", () => {
  it("loses the reply of a call that was carried out, once", async () => {
    set({ lostReply: true, times: 1 });
    expect(await outcome(reinstall())).toBe("ECONNRESET");
    expect(simulator.ledger().entries).toEqual([
      expect.objectContaining({
        executed: true,
        refusedWith: null,
        oldDiskId: server.systemDiskId,
      }),
    ]);
    expect(await outcome(reinstall())).toBe(501);
    expect(executed()).toBe(1);
  });

  it("loses a request that is then not carried out", async () => {
    set({ lostRequest: true, times: 1 });
    expect(await outcome(reinstall())).toBe("ECONNRESET");
    expect(simulator.ledger().entries).toEqual([
      expect.objectContaining({ executed: false, refusedWith: "fault" }),
    ]);
    expect(await outcome(reinstall())).toBe(200);
  });

  it.each([
    [undefined, 0],
    [true, 1],
  ])("swallows a call, executed: %s", async (wanted, times) => {
    set({ blackHole: true, ...(wanted !== undefined && { executed: wanted }) });
    const pending = outcome(reinstall());
    await expect.poll(() => simulator.calls().reinstall, { interval: 5 }).toBe(1);
    expect(executed()).toBe(times);
    expect(await Promise.race([pending, cloudClient(simulator).server(server.id)])).toMatchObject({
      status: 200,
      text: expect.stringContaining(server.id),
    });
    await simulator.close();
    expect(await pending).toBe("UND_ERR_SOCKET");
  });

  it("delays the reply after carrying out the call", async () => {
    set({ delayBeforeReplyMs: 200 });
    const begun = performance.now();
    const pending = reinstall();
    await expect.poll(executed, { interval: 5 }).toBe(1);
    expect(performance.now() - begun).toBeLessThan(200);
    expect((await pending).status).toBe(200);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(195);
  });

  it("cuts the answer within the headers", async () => {
    simulator.faults.set({ operation: "unknown", cutHeadersAfterBytes: 20 });
    expect(await rawGet("/x")).toEqual({ text: "HTTP/1.1 404 Simulat", end: "fin" });
  });

  it.each(["fin", "reset"] as const)("cuts the answer within the body, by %s", async (cutBy) => {
    simulator.faults.set({ operation: "unknown", cutBodyAfterBytes: 10, cutBy });
    const { text, end } = await rawGet("/x");
    const [head, body] = text.split("\r\n\r\n");
    expect(head).toMatch(/content-length: \d{2,}/);
    expect(body).toHaveLength(10);
    expect(end).toBe(cutBy === "fin" ? "fin" : "ECONNRESET");
  });

  it("makes a client with a length to wait for fail on a cut body", async () => {
    set({ cutBodyAfterBytes: 5 });
    expect(await outcome(reinstall())).toBe("UND_ERR_RES_CONTENT_LENGTH_MISMATCH");
    expect(executed()).toBe(1);
  });

  it("sends the body at a crawl", async () => {
    set({ bytesPerSecond: 200 });
    const begun = performance.now();
    const answer = await reinstall();
    expect(answer.json.job_id).toBeTypeOf("string");
    expect(performance.now() - begun).toBeGreaterThan((answer.text.length / 200) * 1_000 - 100);
  });

  it("sends a huge body that is still the answer", async () => {
    set({ hugeBodyBytes: 2_000_000 });
    const answer = await reinstall();
    expect(answer.text).toHaveLength(2_000_000);
    expect(answer.json.job_id).toMatch(/^[0-9a-f]{32}$/);
  });

  it("sends a body without an end", async () => {
    simulator.faults.set({ operation: "unknown", endlessBody: true });
    const { text, end } = await rawGet("/x", 3_000_000);
    expect(end).toBe("stopped");
    expect(text.slice(0, 500).toLowerCase()).toContain("transfer-encoding: chunked");
  });
});

describe("an answer fault", () => {
  it.each([
    [
      "html",
      { html: true },
      { headers: { "content-type": "text/html" }, text: expect.stringMatching(/^<html>/) },
    ],
    ["an empty body", { emptyBody: true }, { status: 200, text: "" }],
    [
      "truncated JSON",
      { truncatedJson: true },
      { status: 200, text: expect.stringMatching(/^\{"job_id":"[0-9a-f]*$/) },
    ],
    [
      "a wrong content type",
      { contentType: "text/plain" },
      { headers: { "content-type": "text/plain" } },
    ],
    ["another body", { body: {} }, { status: 200, text: "{}" }],
    ["a body that is no JSON", { body: "oops" }, { status: 200, text: "oops" }],
    ["another date", { dateSkewMs: 3_600_000 }, { status: 200 }],
  ] as const)("answers with %s after carrying the call out", async (_, fault, expected) => {
    set(fault);
    expect(await reinstall()).toMatchObject(expected);
    expect(executed()).toBe(1);
  });

  it.each([
    [{ status: 502 }, 502, 0],
    [{ status: 502, html: true, executed: true }, 502, 1],
    [{ status: 204, executed: true }, 204, 1],
    [{ status: 202, body: {}, executed: true }, 202, 1],
    [{ error: "Ecs.0615", executed: true }, 500, 1],
    [{ error: "Ecs.0615" }, 500, 0],
    [{ error: "APIGW.0201", status: 504 }, 504, 0],
  ])("%j answers %i and carries the call out %i times", async (fault, status, times) => {
    set(fault);
    expect((await reinstall()).status).toBe(status);
    expect(executed()).toBe(times);
    expect(simulator.ledger().entries).toHaveLength(1);
  });

  it("redirects without carrying the call out", async () => {
    set({ redirectTo: "http://127.0.0.1:1/elsewhere" });
    expect(await reinstall()).toMatchObject({
      status: 307,
      headers: { location: "http://127.0.0.1:1/elsewhere" },
    });
    expect(executed()).toBe(0);
  });

  it("throttles with the text of the gateway, and Retry-After where it is asked for", async () => {
    set({ error: "APIGW.0308", retryAfterSeconds: 7 });
    const answer = await reinstall();
    expect(answer).toMatchObject({ status: 429, headers: { "retry-after": "7" } });
    expect(answer.json.error_msg).toMatch(/limit:\d+,time:\d+ minute/);
  });

  it.each([
    ["Common.1503", 503, {}],
    ["Common.1503", 429, { status: 429 }],
    ["Common.0024", 202, {}],
  ])("throttles with %s under HTTP %i", async (error, status, more) => {
    set({ error, ...more });
    expect(await reinstall()).toMatchObject({ status, json: { error: { code: error } } });
    expect(executed()).toBe(0);
  });

  it("answers in the shape of the API that is asked", async () => {
    simulator.faults.set({ operation: "any", error: "Ecs.0100", message: "no" });
    const { server: show, job, get } = cloudClient(simulator);
    expect((await show(server.id)).json).toEqual({ error: { code: "Ecs.0100", message: "no" } });
    expect((await job("x")).json).toEqual({ code: "Ecs.0100", message: "no" });
    expect((await get(`/v2.1/${P}/servers/${server.id}`)).json).toEqual({
      badRequest: { code: "400", message: "no" },
    });
  });

  it("knows every documented code with a status and a text", () => {
    expect(knownCodes().length).toBeGreaterThan(90);
    for (const code of knownCodes()) {
      const { status, body } = errorAnswer({ code }, "service", "r");
      expect(status).toBe(catalogueEntry(code)?.status);
      expect(JSON.parse(body)).toEqual(
        /^(APIGW|IAM)/.test(code)
          ? expect.objectContaining({ error_code: code, error_msg: expect.any(String) })
          : { error: { code, message: expect.any(String) } },
      );
    }
    expect(errorAnswer({ code: "APIG.0308" }, "service", "r").status).toBe(429);
  });

  it("may leave out the Date header, or bend it", async () => {
    simulator.faults.set([
      { operation: "server", omitDate: true, times: 1 },
      { operation: "server", after: 1, dateSkewMs: -3_600_000 },
    ]);
    const { server: show } = cloudClient(simulator);
    expect((await show(server.id)).headers.date).toBeUndefined();
    const bent = Date.parse(String((await show(server.id)).headers.date));
    expect(Math.abs(bent + 3_600_000 - Date.now())).toBeLessThan(5_000);
  });
});

describe("a fault", () => {
  it("meets so many calls, after so many others, on one server only", async () => {
    const other = simulator.addServer();
    const { server: show } = cloudClient(simulator);
    const [id] = simulator.faults.set({
      operation: "server",
      serverId: server.id,
      after: 1,
      times: 2,
      status: 500,
    });
    const statuses = [];
    for (let i = 0; i < 5; i += 1) {
      statuses.push((await show(server.id)).status, (await show(other.id)).status);
    }
    expect(statuses).toEqual([200, 200, 500, 200, 500, 200, 200, 200, 200, 200]);
    expect(simulator.faults.list()).toMatchObject([{ id, matched: 5, applied: 2 }]);
  });

  it("adds up with others, and goes when it is cleared", async () => {
    const ids = simulator.faults.set([
      { operation: "server", delayBeforeReplyMs: 60 },
      { operation: "server", error: "Common.1503", retryAfterSeconds: 1 },
    ]);
    const { server: show } = cloudClient(simulator);
    const begun = performance.now();
    expect(await show(server.id)).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
    expect(performance.now() - begun).toBeGreaterThanOrEqual(55);
    simulator.faults.clear(ids[1]);
    expect((await show(server.id)).status).toBe(200);
    simulator.faults.clear();
    expect(simulator.faults.list()).toEqual([]);
  });

  it("is refused by the name of the field that is wrong, and nothing is switched on", () => {
    const wrong = { operation: "reinstall", eror: "Ecs.0603" } as unknown as FaultSpec;
    expect(() => simulator.faults.set([{ operation: "reinstall" }, wrong])).toThrow(/eror/);
    expect(() => simulator.faults.set({ operation: "reinstall", error: "Ecs.9999" })).toThrow(
      /error/,
    );
    expect(simulator.faults.list()).toEqual([]);
  });

  it("may kill a token or a log-in", async () => {
    simulator.faults.set({ operation: "token", error: "IAM.0012" });
    const { post } = cloudClient(simulator);
    const answer = await post("/v3/auth/tokens", {}, { unsigned: true });
    expect(answer).toMatchObject({ status: 429, json: { error_code: "IAM.0012" } });
  });
});

it("a request that never ended asks for nothing", async () => {
  const socket = connect(simulator.port, "127.0.0.1");
  const path = `/v2/${P}/cloudservers/${server.id}/reinstallos`;
  const body = JSON.stringify(KEY_BODY);
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`,
  );
  await new Promise((resolve) => {
    socket.once("connect", resolve);
  });
  socket.end();
  await new Promise((resolve) => {
    socket.once("close", resolve);
    socket.resume();
  });
  expect(simulator.calls().reinstall).toBe(0);
  expect(simulator.ledger().entries).toEqual([]);
});
