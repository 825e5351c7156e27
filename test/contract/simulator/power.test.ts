import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { cloudClient, KEY_BODY, P, standingClock } from "./cloud-client.ts";

let simulator: Simulator;
const clock = standingClock();

beforeEach(async () => {
  simulator = await startSimulator({ clock, stopDurationMs: 4_000, startDurationMs: 6_000 });
});

afterEach(async () => {
  await simulator.close();
});

const post = async (path: string, body: unknown) =>
  await cloudClient(simulator).post(path, body, { sdkDate: clock.sdkDate() });
const action = async (body: unknown) => await post(`/v1/${P}/cloudservers/action`, body);
const stop = async (id: string, type?: string) =>
  await action({ "os-stop": { ...(type !== undefined && { type }), servers: [{ id }] } });
const start = async (id: string) => await action({ "os-start": { servers: [{ id }] } });
const job = async (id: string) =>
  (await cloudClient(simulator).get(`/v1/${P}/jobs/${id}`, { sdkDate: clock.sdkDate() })).json;

describe("a stop", () => {
  it("runs as a job with one sub-job, and the server shows the task meanwhile", async () => {
    const server = simulator.addServer();
    const { job_id } = (await stop(server.id)).json;
    expect(await job(job_id)).toMatchObject({ status: "INIT", entities: { sub_jobs_total: 1 } });
    expect(server).toMatchObject({ status: "ACTIVE", taskState: "powering-off" });
    clock.advance(4_000);
    expect(server).toMatchObject({ status: "SHUTOFF", taskState: null });
    expect(await job(job_id)).toMatchObject({
      status: "SUCCESS",
      entities: { sub_jobs: [{ status: "SUCCESS", entities: { server_id: server.id } }] },
    });
    expect(simulator.ledger().entries.map((entry) => entry.kind)).toEqual([
      "stop-request",
      "stop-finished",
    ]);
    expect(simulator.ledger().entries[0]).toMatchObject({
      type: "SOFT",
      executed: true,
      jobId: job_id,
    });
  });

  it("of a stopped server is Ecs.0100", async () => {
    const server = simulator.addServer({ state: "SHUTOFF" });
    expect(await stop(server.id)).toMatchObject({
      status: 400,
      json: { error: { code: "Ecs.0100" } },
    });
  });

  it("is refused on a busy server, and so is a reinstall while it runs", async () => {
    const server = simulator.addServer();
    await stop(server.id);
    expect(await stop(server.id)).toMatchObject({
      status: 501,
      json: { error: { code: "Ecs.0603" } },
    });
    const reinstall = await post(`/v2/${P}/cloudservers/${server.id}/reinstallos`, KEY_BODY);
    expect(reinstall.json.error.code).toBe("Ecs.0603");
  });

  it("is refused for a locked and a frozen server", async () => {
    const locked = simulator.addServer({ locked: true });
    const frozen = simulator.addServer({ frozen: true });
    expect((await stop(locked.id)).json.error.code).toBe("Ecs.0605");
    expect((await stop(frozen.id)).json.error.code).toBe("Ecs.0030");
  });

  it("that hangs is overtaken by a forced one", async () => {
    const server = simulator.addServer({ softStopHangs: true });
    const soft = (await stop(server.id, "SOFT")).json.job_id;
    clock.advance(3_600_000);
    expect(await job(soft)).toMatchObject({ status: "RUNNING" });
    expect(server).toMatchObject({ status: "ACTIVE", taskState: "powering-off" });
    const hard = (await stop(server.id, "HARD")).json.job_id;
    clock.advance(4_000);
    expect(server).toMatchObject({ status: "SHUTOFF", taskState: null });
    expect(await job(soft)).toMatchObject({ status: "FAIL", error_code: "Ecs.0100" });
    expect(await job(hard)).toMatchObject({ status: "SUCCESS" });
  });

  it("that fails leaves the server as it was", async () => {
    simulator.faults.set({ operation: "stop", run: { fail: { code: "Ecs.0226" } } });
    const server = simulator.addServer();
    const { job_id } = (await stop(server.id)).json;
    clock.advance(4_000);
    expect(await job(job_id)).toMatchObject({ status: "FAIL", error_code: "Ecs.0226" });
    expect(server).toMatchObject({ status: "ACTIVE", taskState: null });
  });

  it("that names a server twice stops it once", async () => {
    const { id } = simulator.addServer();
    const { job_id } = (await action({ "os-stop": { servers: [{ id }, { id }] } })).json;
    clock.advance(4_000);
    expect(await job(job_id)).toMatchObject({ status: "SUCCESS", entities: { sub_jobs_total: 1 } });
  });

  it("of several servers is all or nothing, and names the one in the way", async () => {
    const [one, two] = [simulator.addServer(), simulator.addServer({ state: "SHUTOFF" })];
    const answer = await action({ "os-stop": { servers: [{ id: one.id }, { id: two.id }] } });
    expect(answer).toMatchObject({
      status: 400,
      json: {
        error: { code: "Ecs.0100" },
        internalError: [{ id: two.id, error_code: "Ecs.0100", error_message: expect.any(String) }],
      },
    });
    expect(one.taskState).toBeNull();
  });
});

describe("a start", () => {
  it("brings a stopped server back", async () => {
    const server = simulator.addServer({ state: "SHUTOFF" });
    const { job_id } = (await start(server.id)).json;
    expect(server).toMatchObject({ status: "SHUTOFF", taskState: "powering-on", isOn: false });
    clock.advance(6_000);
    expect(server).toMatchObject({ status: "ACTIVE", isOn: true });
    expect((await job(job_id)).status).toBe("SUCCESS");
  });

  it("may be slow, by a fault or by its server's own time", async () => {
    const slow = simulator.addServer({ state: "SHUTOFF", startDurationMs: 900_000 });
    const bent = simulator.addServer({ state: "SHUTOFF" });
    simulator.faults.set({
      operation: "start",
      serverId: bent.id,
      run: { durationMs: 800_000 },
    });
    await start(slow.id);
    await start(bent.id);
    clock.advance(799_999);
    expect([slow.taskState, bent.taskState]).toEqual(["powering-on", "powering-on"]);
    clock.advance(1);
    expect([slow.isOn, bent.isOn]).toEqual([false, true]);
    clock.advance(100_000);
    expect(slow.isOn).toBe(true);
  });

  it.each([
    ["job-fails", "FAIL", "SHUTOFF"],
    ["stays-off", "SUCCESS", "SHUTOFF"],
    ["error", "FAIL", "ERROR"],
    ["running", "SUCCESS", "ACTIVE"],
  ] as const)("that ends as %s: the job says %s, the server %s", async (startEnds, said, left) => {
    const byServer = simulator.addServer({ state: "SHUTOFF", startEnds });
    const byFault = simulator.addServer({ state: "SHUTOFF", startEnds: "job-fails" });
    simulator.faults.set({ operation: "start", serverId: byFault.id, run: { startEnds } });
    for (const server of [byServer, byFault]) {
      const { job_id } = (await start(server.id)).json;
      clock.advance(6_000);
      expect(server).toMatchObject({ status: left, taskState: null, isOn: left === "ACTIVE" });
      const ended = await job(job_id);
      expect(ended.status).toBe(said);
      expect(ended.error_code).toBe(said === "FAIL" ? "Ecs.0226" : null);
    }
  });

  it("can be tried again when it failed, and not from ERROR", async () => {
    const server = simulator.addServer({ state: "SHUTOFF", startEnds: "job-fails" });
    await start(server.id);
    clock.advance(6_000);
    server.patch({ startEnds: "error" });
    expect((await start(server.id)).status).toBe(200);
    clock.advance(6_000);
    expect((await start(server.id)).json.error.code).toBe("Ecs.0100");
  });

  it("of a running server is Ecs.0100, or a job that changes nothing", async () => {
    const refusing = simulator.addServer();
    const accepting = simulator.addServer({ repeatedPower: "accepted" });
    expect((await start(refusing.id)).json.error.code).toBe("Ecs.0100");
    const { job_id } = (await start(accepting.id)).json;
    expect(accepting).toMatchObject({ status: "ACTIVE", taskState: null, runningJobs: [] });
    expect((await job(job_id)).status).toBe("SUCCESS");
    clock.advance(6_000);
    expect(accepting.isOn).toBe(true);
    expect(simulator.ledger().servers[refusing.id]?.startsExecuted).toBe(0);
  });

  it("and a stop of a stopped server, too, where such calls are accepted", async () => {
    const server = simulator.addServer({ state: "SHUTOFF", repeatedPower: "accepted" });
    server.patch({ softStopHangs: true });
    const { job_id } = (await stop(server.id)).json;
    expect((await job(job_id)).status).toBe("SUCCESS");
    expect(server).toMatchObject({ status: "SHUTOFF", taskState: null });
    const broken = simulator.addServer({ state: "ERROR", repeatedPower: "accepted" });
    expect((await stop(broken.id)).json.error.code).toBe("Ecs.0100");
  });

  it("is refused for a locked, a frozen and a busy server", async () => {
    const ids = [
      simulator.addServer({ state: "SHUTOFF", locked: true }).id,
      simulator.addServer({ state: "SHUTOFF", frozen: true }).id,
      simulator.addServer().id,
    ];
    await stop(ids[2] ?? "");
    const codes = await Promise.all(ids.map(async (id) => (await start(id)).json.error.code));
    expect(codes).toEqual(["Ecs.0605", "Ecs.0030", "Ecs.0603"]);
  });

  it("can be refused, lost before or after it was done", async () => {
    const [refused, before, after] = ["SHUTOFF", "SHUTOFF", "SHUTOFF"].map(() =>
      simulator.addServer({ state: "SHUTOFF" }),
    );
    if (refused === undefined || before === undefined || after === undefined) throw new Error();
    simulator.faults.set([
      { operation: "start", serverId: refused.id, error: "Ecs.0001" },
      { operation: "start", serverId: before.id, lostRequest: true },
      { operation: "start", serverId: after.id, lostReply: true },
    ]);
    expect((await start(refused.id)).json.error.code).toBe("Ecs.0001");
    await expect(start(before.id)).rejects.toThrow();
    await expect(start(after.id)).rejects.toThrow();
    clock.advance(6_000);
    expect([refused.isOn, before.isOn, after.isOn]).toEqual([false, false, true]);
    const requests = simulator.ledger().entries.filter(({ kind }) => kind === "start-request");
    expect(requests).toMatchObject([
      { executed: false, refusedWith: "Ecs.0001" },
      { executed: false, refusedWith: "fault" },
      { executed: true, refusedWith: null },
    ]);
  });
});

describe("the ledger", () => {
  it("tells who stopped and started a server, and whether it is on", async () => {
    const server = simulator.addServer();
    const counted = () => simulator.ledger().servers[server.id];
    expect(counted()).toBeUndefined();
    await stop(server.id);
    clock.advance(4_000);
    expect(counted()).toMatchObject({ stopsExecuted: 1, stopsSucceeded: 1, isOn: false });
    server.act({ action: "start" });
    expect(counted()).toMatchObject({ startsExecuted: 0, outsideStarts: 1, isOn: true });
    server.act({ action: "stop" });
    server.patch({ startEnds: "stays-off" });
    await start(server.id);
    clock.advance(6_000);
    expect(counted()).toMatchObject({ startsExecuted: 1, startsSucceeded: 1, isOn: false });
    server.patch({ startEnds: "job-fails" });
    await start(server.id);
    clock.advance(6_000);
    expect(counted()).toMatchObject({ startsExecuted: 2, startsSucceeded: 1, isOn: false });
    server.patch({ startEnds: "running" });
    await start(server.id);
    clock.advance(6_000);
    expect(counted()).toMatchObject({
      stopsExecuted: 1,
      startsExecuted: 3,
      startsSucceeded: 2,
      outsideStops: 1,
      isOn: true,
    });
  });

  it.each([
    ["ACTIVE", true],
    ["SHUTOFF", false],
  ] as const)("tells that a reinstall left its server %s", async (endsAs, isOn) => {
    const byServer = simulator.addServer({ endsAs });
    const byFault = simulator.addServer({ endsAs: isOn ? "SHUTOFF" : "ACTIVE" });
    simulator.faults.set({ operation: "reinstall", serverId: byFault.id, run: { endsAs } });
    for (const { id } of [byServer, byFault]) {
      const body = { "os-reinstall": { ...KEY_BODY["os-reinstall"], mode: "withStopServer" } };
      await post(`/v2/${P}/cloudservers/${id}/reinstallos`, body);
      clock.advance(45_000);
      expect(simulator.ledger().entries.at(-1)).toMatchObject({
        kind: "reinstall-finished",
        serverId: id,
        isOn,
      });
      expect(simulator.ledger().servers[id]?.isOn).toBe(isOn);
    }
  });
});

it.each([
  ["nothing to do", { reboot: { type: "SOFT", servers: [{ id: "x" }] } }],
  ["an unknown type", { "os-stop": { type: "GENTLE", servers: [{ id: "x" }] } }],
  ["no server", { "os-stop": { servers: [] } }],
  [
    "more than 1000 servers",
    { "os-start": { servers: Array.from({ length: 1_001 }, () => ({ id: "x" })) } },
  ],
])("an action with %s is Ecs.0005", async (_, body) => {
  expect(await action(body)).toMatchObject({ status: 400, json: { error: { code: "Ecs.0005" } } });
});

it("an action on an unknown server is Ecs.0114", async () => {
  expect(await stop("nobody")).toMatchObject({
    status: 404,
    json: { error: { code: "Ecs.0114" } },
  });
});

describe("the native action", () => {
  it("stops without a job, and says conflict when the server is stopped", async () => {
    const server = simulator.addServer();
    const path = `/v2.1/${P}/servers/${server.id}/action`;
    expect(await post(path, { "os-stop": {} })).toMatchObject({ status: 202, text: "" });
    clock.advance(4_000);
    expect(server.status).toBe("SHUTOFF");
    expect(await post(path, { "os-stop": {} })).toMatchObject({
      status: 409,
      json: { conflictingRequest: { code: "409" } },
    });
  });
});

it("the action log tells what was done, newest first, without job ids", async () => {
  const server = simulator.addServer();
  await stop(server.id);
  clock.advance(4_000);
  await action({ "os-start": { servers: [{ id: server.id }] } });
  const path = `/v2.1/${P}/servers/${server.id}/os-instance-actions`;
  const { get } = cloudClient(simulator);
  const { instanceActions } = (await get(path, { sdkDate: clock.sdkDate() })).json;
  expect(instanceActions).toMatchObject([{ action: "start" }, { action: "stop" }]);
  const detail = await get(`${path}/${instanceActions[0].request_id}`, {
    sdkDate: clock.sdkDate(),
  });
  expect(detail.json.instanceAction).toMatchObject({ action: "start", instance_uuid: server.id });
});
