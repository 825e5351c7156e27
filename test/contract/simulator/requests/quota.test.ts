import { request } from "undici";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startSimulator } from "../../../../src/simulator/server.ts";
import type { Simulator } from "../../../../src/simulator/simulator.ts";
import { cloudClient, KEY_BODY, P, standingClock } from "../cloud-client.ts";

let simulator: Simulator;
let id: string;
let clock: ReturnType<typeof standingClock>;

beforeEach(async () => {
  clock = standingClock();
  simulator = await startSimulator({ clock });
  ({ id } = simulator.addServer({ state: "SHUTOFF" }));
});

afterEach(async () => {
  await simulator.close();
});

const sdkDate = () => ({ sdkDate: clock.sdkDate() });
const look = async () => await cloudClient(simulator).get(`/v1/${P}/cloudservers/${id}`, sdkDate());
const statuses = async (calls: number) => {
  const seen: number[] = [];
  for (let i = 0; i < calls; i += 1) seen.push((await look()).status);
  return seen;
};

describe("a quota", () => {
  it("lets so many calls pass in a window, and refused ones are not counted", async () => {
    simulator.setQuota({ calls: 2, perMs: 10_000 });
    expect(await statuses(4)).toEqual([200, 200, 429, 429]);
    clock.advance(9_999);
    expect(await statuses(1)).toEqual([429]);
    clock.advance(1);
    expect(await statuses(3)).toEqual([200, 200, 429]);
    expect(simulator.quota()).toMatchObject({ passed: 4, refused: 4 });
  });

  it.each([
    [10_000, "limit:1,time:10 second"],
    [1_000, "limit:1,time:1 second"],
    [1_500, "limit:1,time:2 second"],
    [300_000, "limit:1,time:5 minute"],
  ])("per %i ms says `%s`", async (perMs, text) => {
    simulator.setQuota({ calls: 1, perMs });
    await look();
    const { status, json } = await look();
    expect(status).toBe(429);
    expect(json).toMatchObject({
      error_code: "APIGW.0308",
      error_msg: `The throttling threshold has been reached: policy user over ratelimit,${text}`,
    });
  });

  it("may say in a header when its window ends", async () => {
    simulator.setQuota({ calls: 1, perMs: 10_000, refusal: "header" });
    await look();
    clock.advance(3_500);
    const { headers, json } = await look();
    expect(headers["retry-after"]).toBe("7");
    expect(json.error_code).toBe("APIGW.0308");
    expect(json.error_msg).not.toMatch(/limit:/);
  });

  it.each([429, 503] as const)("may say no more than %i", async (status) => {
    simulator.setQuota({ calls: 1, perMs: 10_000, refusal: `status-${status}` });
    await look();
    expect(await look()).toMatchObject({ status, text: "" });
    expect((await look()).headers).not.toHaveProperty("retry-after");
  });

  it("keeps a reinstall from being carried out, and the ledger says so", async () => {
    simulator.setQuota({ calls: 1, perMs: 10_000 });
    await look();
    await cloudClient(simulator).reinstall(id, KEY_BODY["os-reinstall"], sdkDate());
    expect(simulator.ledger().entries).toMatchObject([
      { kind: "reinstall-request", executed: false, refusedWith: "APIGW.0308" },
    ]);
    expect(simulator.calls()).toMatchObject({ server: 1, reinstall: 1 });
  });

  it("spends no fault on a call that it refuses", async () => {
    simulator.setQuota({ calls: 1, perMs: 10_000 });
    await look();
    simulator.faults.set({ operation: "server", times: 1, error: "Ecs.0301" });
    await look();
    expect(simulator.faults.list()).toMatchObject([{ matched: 0, applied: 0 }]);
  });

  it("may be for some operations only", async () => {
    simulator.setQuota({ calls: 1, perMs: 10_000, operations: ["job"] });
    expect(await statuses(3)).toEqual([200, 200, 200]);
    const job = async () => (await cloudClient(simulator).get(`/v1/${P}/jobs/j`, sdkDate())).status;
    expect([await job(), await job()]).toEqual([400, 429]);
  });

  it("counts a list of a thousand servers as one call", async () => {
    simulator.setQuota({ calls: 1, perMs: 10_000 });
    const query = { limit: "1000" };
    const list = async () =>
      await cloudClient(simulator).get(`/v1/${P}/cloudservers/detail`, { ...sdkDate(), query });
    expect([(await list()).status, (await list()).status]).toEqual([200, 429]);
  });

  it("is of the options again after a reset, and can be lifted", async () => {
    const limited = await startSimulator({ clock, quota: { calls: 1, perMs: 10_000 } });
    limited.setQuota(null);
    expect(limited.quota()).toEqual({ quota: null, passed: 0, refused: 0 });
    limited.reset();
    expect(limited.quota()).toMatchObject({ quota: { calls: 1, perMs: 10_000, refusal: "text" } });
    await limited.close();
  });

  it("is set, shown and lifted by the admin API, which names what is wrong", async () => {
    const admin = async (method: "GET" | "PUT" | "DELETE", body?: object) => {
      const text = body === undefined ? null : JSON.stringify(body);
      const answer = await request(`${simulator.url}/_sim/quota`, { method, body: text });
      const content = await answer.body.text();
      return { status: answer.statusCode, json: content === "" ? null : JSON.parse(content) };
    };
    expect((await admin("PUT", { calls: 3, perMs: 1_000 })).status).toBe(204);
    await look();
    expect((await admin("GET")).json).toMatchObject({ quota: { calls: 3 }, passed: 1, refused: 0 });
    expect(await admin("PUT", { calls: 0, perMs: 1_000 })).toMatchObject({
      status: 400,
      json: { problems: [{ path: "calls" }] },
    });
    expect((await admin("DELETE")).status).toBe(204);
    expect((await admin("GET")).json).toEqual({ quota: null, passed: 0, refused: 0 });
  });
});
