import { afterEach, describe, expect, it } from "vitest";
import { DEFAULT_ACCESS_KEY, DEFAULT_PROJECT_ID } from "../../../src/simulator/defaults.ts";
import type { SimulatorOptions } from "../../../src/simulator/options.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { SimulatedServer, Simulator } from "../../../src/simulator/simulator.ts";
import { type CallOptions, cloudClient, KEY_BODY, P, standingClock } from "./cloud-client.ts";

let simulator: Simulator;
let server: SimulatedServer;
let clock: ReturnType<typeof standingClock>;

async function start(options: SimulatorOptions = {}) {
  clock = standingClock();
  simulator = await startSimulator({ clock, ...options });
  server = simulator.addServer({ state: "SHUTOFF" });
}

afterEach(async () => {
  await simulator.close();
});

const look = async (options: CallOptions = {}) =>
  await cloudClient(simulator).get(`/v1/${P}/cloudservers/${server.id}`, {
    sdkDate: clock.sdkDate(),
    ...options,
  });

const refusedAs = (text: string) => ({
  status: 401,
  json: {
    error_code: "APIGW.0301",
    error_msg: expect.stringContaining(text),
    request_id: expect.any(String),
  },
});

describe("a signature of the vendor's signer", () => {
  it("is accepted on a query and on a POST, over real sockets", async () => {
    await start();
    expect((await look()).status).toBe(200);
    const answer = await cloudClient(simulator).reinstall(server.id, KEY_BODY["os-reinstall"], {
      sdkDate: clock.sdkDate(),
      headers: { "X-Project-Id": P },
    });
    expect(answer.status).toBe(200);
  });

  it("is accepted with a query that needs encoding", async () => {
    await start();
    const query = { id: "a b+c/ü~'()*!", z: "", a: "1" };
    const answer = await cloudClient(simulator).get("/v2/cloudimages", {
      query,
      sdkDate: clock.sdkDate(),
    });
    expect(answer).toMatchObject({ status: 200, json: { images: [] } });
  });

  it.each([
    ["path", { path: `/v1/${P}/cloudservers/detail` }],
    ["body", { body: '{"os-reinstall":{}}' }],
    ["signed header", { headers: { "content-type": "text/plain" } }],
    ["date", { headers: { "X-Sdk-Date": "20240110T080911Z" } }],
  ])(
    "is refused when the %s was changed on the way, with an echo of what arrived",
    async (_, tamper) => {
      await start();
      const path = `/v2/${P}/cloudservers/${server.id}/reinstallos`;
      const answer = await cloudClient(simulator).call("path" in tamper ? "GET" : "POST", path, {
        ...("path" in tamper ? {} : { body: KEY_BODY }),
        tamper,
        sdkDate: clock.sdkDate(),
      });
      expect(answer).toMatchObject(refusedAs("verify aksk signature fail, canonicalRequest:"));
      expect(answer.json.error_msg).toMatch(/canonicalRequest:(GET|POST)\|\/v[12]\//);
      expect(simulator.ledger().servers[server.id]?.reinstallsExecuted ?? 0).toBe(0);
    },
  );

  it("is refused with another secret key, and with a key that does not exist", async () => {
    await start();
    expect(await look({ secretKey: "wrong" })).toMatchObject(
      refusedAs("verify aksk signature fail"),
    );
    expect(await look({ accessKey: "NOBODY" })).toMatchObject(
      refusedAs("ak:NOBODY,err:ak not exist"),
    );
    simulator.removeCredential(DEFAULT_ACCESS_KEY);
    expect(await look()).toMatchObject(refusedAs("ak not exist"));
  });

  it("is refused without any credentials", async () => {
    await start();
    expect(await look({ unsigned: true })).toMatchObject(refusedAs("x-auth-token not found"));
  });

  it("is refused when its content hash is not the body's", async () => {
    await start();
    const headers = { "X-Sdk-Content-Sha256": "0".repeat(64) };
    const post = async (headers: Record<string, string>) =>
      await cloudClient(simulator).reinstall(server.id, KEY_BODY["os-reinstall"], {
        headers,
        sdkDate: clock.sdkDate(),
      });
    expect((await post(headers)).status).toBe(401);
    expect((await post({ "X-Sdk-Content-Sha256": "UNSIGNED-PAYLOAD" })).status).toBe(200);
  });
});

describe("the signature window", () => {
  it.each([
    [-15 * 60_000, 200],
    [-15 * 60_000 - 1_000, 401],
    [15 * 60_000, 200],
    [15 * 60_000 + 1_000, 401],
  ])("answers a signature of %i ms away with %i", async (offsetMs, status) => {
    await start();
    const answer = await look({ sdkDate: clock.sdkDate(offsetMs) });
    expect(answer.status).toBe(status);
    if (status === 401) expect(answer).toMatchObject(refusedAs("signature expired"));
  });

  it("counts by the cloud's own clock", async () => {
    await start({ clockSkewMs: 20 * 60_000 });
    expect((await look()).status).toBe(401);
    simulator.setClockSkew(0);
    const answer = await look();
    expect(answer.status).toBe(200);
    expect(Date.parse(String(answer.headers.date))).toBe(clock.nowMs());
  });
});

describe("temporary credentials", () => {
  const temporary = { accessKey: "TEMPORARY", secretKey: "secret", securityToken: "THE-TOKEN" };

  it("need their security token, signed", async () => {
    await start({ credentials: [temporary] });
    const { accessKey, secretKey } = temporary;
    const withToken = { accessKey, secretKey, headers: { "X-Security-Token": "THE-TOKEN" } };
    expect((await look(withToken)).status).toBe(200);
    expect(await look({ accessKey, secretKey })).toMatchObject(refusedAs("securityToken"));
    expect(
      await look({
        accessKey,
        secretKey,
        tamper: { headers: { "X-Security-Token": "THE-TOKEN" } },
      }),
    ).toMatchObject(refusedAs("x-security-token is not signed"));
  });
});

describe("an access key", () => {
  it("is locked for five minutes by more than five failures in a row", async () => {
    await start();
    for (let i = 0; i < 5; i += 1) await look({ secretKey: "wrong" });
    expect((await look()).status).toBe(200);
    for (let i = 0; i < 6; i += 1) await look({ secretKey: "wrong" });
    expect(await look()).toMatchObject(refusedAs("AK access failed to reach the limit,forbidden"));
    clock.advance(5 * 60_000 - 1);
    expect((await look()).status).toBe(401);
    clock.advance(1);
    expect((await look()).status).toBe(200);
  });

  it("can be unlocked by an operator", async () => {
    await start({ lockAfterFailures: 0 });
    await look({ secretKey: "wrong" });
    expect((await look()).status).toBe(401);
    simulator.unlockCredential(DEFAULT_ACCESS_KEY);
    expect((await look()).status).toBe(200);
  });
});

describe("a project that does not fit", () => {
  it.each([
    ["cloudservers/x", { error: { code: "Ecs.0023", message: expect.any(String) } }],
    ["jobs/x", { code: "Common.0018", message: expect.any(String) }],
  ])("is a 400 on %s: in the URL, in X-Project-Id, or of another key", async (path, json) => {
    await start();
    const { get } = cloudClient(simulator);
    const sdkDate = clock.sdkDate();
    const mine = `/v1/${DEFAULT_PROJECT_ID}/${path}`;
    expect(await get(`/v1/nobody/${path}`, { sdkDate })).toMatchObject({ status: 400, json });
    const headers = { "X-Project-Id": "nobody" };
    expect(await get(mine, { sdkDate, headers })).toMatchObject({ status: 400, json });
    const stranger = { accessKey: "STRANGER", secretKey: "s" };
    simulator.putCredential({ ...stranger, projectIds: ["other"] });
    expect(await get(mine, { sdkDate, ...stranger })).toMatchObject({ status: 400, json });
  });
});

it("an unknown path is a 404 of the gateway, for every method", async () => {
  await start();
  const { get, post } = cloudClient(simulator);
  const json = { error_code: "APIGW.0101" };
  expect(await get("/v9/nothing", { unsigned: true })).toMatchObject({ status: 404, json });
  expect(await post(`/v1/${P}/jobs/x`, {}, { unsigned: true })).toMatchObject({
    status: 404,
    json,
  });
});

it("a body over 12 MB is a 413 of the gateway", async () => {
  await start();
  const body = { "os-reinstall": { userid: "x".repeat(12 * 1_024 * 1_024) } };
  const answer = await cloudClient(simulator).post(
    `/v2/${P}/cloudservers/${server.id}/reinstallos`,
    body,
    { unsigned: true },
  );
  expect(answer).toMatchObject({ status: 413, json: { error_code: "APIGW.0201" } });
});

it("counts refused signatures by reason, those of a wrong clock by themselves", async () => {
  await start({ lockAfterFailures: 2 });
  const minutes = (count: number) => ({ sdkDate: clock.sdkDate(count * 60_000) });
  await look(minutes(20));
  await look(minutes(-20));
  await look(minutes(16));
  await look();
  expect(simulator.refusals()).toMatchObject({ date: 3, locked: 1, signature: 0 });
  const answer = await fetch(`${simulator.url}/_sim/refusals`);
  expect(await answer.json()).toMatchObject({ date: 3, locked: 1 });
});
