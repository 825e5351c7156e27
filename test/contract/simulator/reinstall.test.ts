import { afterEach, describe, expect, it } from "vitest";
import type { SimulatorOptions } from "../../../src/simulator/options.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { cloudClient, KEY_BODY, P, standingClock, USER_ID } from "./cloud-client.ts";

let simulator: Simulator;
const clock = standingClock();

async function start(options: SimulatorOptions = {}) {
  simulator = await startSimulator({ clock, jobDurationMs: 100_000, ...options });
  return { cloud: cloudClient(simulator), sdkDate: () => ({ sdkDate: clock.sdkDate() }) };
}

afterEach(async () => {
  await simulator.close();
});

/** Reinstalls with a signature of the standing clock's instant. */
async function reinstall(serverId: string, osReinstall: object = KEY_BODY["os-reinstall"]) {
  const { reinstall } = cloudClient(simulator);
  return await reinstall(serverId, osReinstall, { sdkDate: clock.sdkDate() });
}

async function look(path: string) {
  return await cloudClient(simulator).get(path, { sdkDate: clock.sdkDate() });
}

const job = async (id: string) => (await look(`/v1/${P}/jobs/${id}`)).json;
const show = async (id: string) => (await look(`/v1/${P}/cloudservers/${id}`)).json.server;

describe("a reinstall", () => {
  it("answers 200 with 32 hex digits as job id", async () => {
    await start();
    const server = simulator.addServer({ state: "SHUTOFF" });
    const answer = await reinstall(server.id);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({ job_id: expect.stringMatching(/^[0-9a-f]{32}$/) });
  });

  it("goes through INIT and RUNNING to SUCCESS and replaces the system disk, which is missing for a while", async () => {
    await start();
    const server = simulator.addServer({ state: "SHUTOFF", dataDisks: 1 });
    const before = server.systemDiskId;
    const { job_id } = (await reinstall(server.id)).json;
    expect(await job(job_id)).toMatchObject({ status: "INIT", end_time: "" });

    clock.advance(10_000);
    expect(await job(job_id)).toMatchObject({ status: "RUNNING" });
    expect(server.systemDiskId).toBe(before);
    clock.advance(30_000);
    const during = await show(server.id);
    expect(during).toMatchObject({ status: "SHUTOFF", "OS-EXT-STS:task_state": "reinstalling" });
    expect(during["os-extended-volumes:volumes_attached"]).toEqual([
      expect.objectContaining({ bootIndex: "-1", device: "/dev/vdb" }),
    ]);
    clock.advance(40_000);
    expect(server.systemDiskId).not.toBeNull();
    expect(server.systemDiskId).not.toBe(before);
    expect(await job(job_id)).toMatchObject({ status: "RUNNING" });

    clock.advance(20_000);
    expect(await job(job_id)).toEqual({
      status: "SUCCESS",
      job_id,
      job_type: expect.any(String),
      begin_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      end_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      error_code: null,
      fail_reason: null,
      entities: { server_id: server.id },
    });
    expect(server).toMatchObject({ status: "ACTIVE", taskState: null, runningJobs: [] });
  });

  it("leaves the server stopped where it is told to", async () => {
    await start({ endsAs: "SHUTOFF" });
    const server = simulator.addServer({ state: "SHUTOFF" });
    await reinstall(server.id);
    clock.advance(100_000);
    expect(server.status).toBe("SHUTOFF");
  });

  it("stops a running server first when the mode says so", async () => {
    await start();
    const server = simulator.addServer();
    const answer = await reinstall(server.id, { userid: USER_ID, mode: "withStopServer" });
    expect(answer.status).toBe(200);
    expect(server).toMatchObject({ status: "ACTIVE", taskState: "powering-off" });
    clock.advance(20_000);
    expect(server).toMatchObject({ status: "SHUTOFF", taskState: "reinstalling" });
  });

  it.each([
    ["task", "SHUTOFF", "reinstalling", null],
    ["plain", "SHUTOFF", null, null],
    ["unknown", "UNKNOWN", "reinstalling", null],
    ["rebuild", "REBUILD", "rebuilding", null],
    ["invisible", "SHUTOFF", null, expect.any(String)],
  ] as const)(
    "in the view %s shows status %s and task %s",
    async (reinstallView, status, taskState, systemDiskId) => {
      await start({ reinstallView });
      const server = simulator.addServer({ state: "SHUTOFF" });
      await reinstall(server.id);
      clock.advance(40_000);
      expect(server).toMatchObject({ status, taskState, systemDiskId });
    },
  );

  it("is reported through a sub-job where it is told to", async () => {
    await start({ subJobs: true });
    const server = simulator.addServer({ state: "SHUTOFF" });
    const { job_id } = (await reinstall(server.id)).json;
    expect((await job(job_id)).entities).toEqual({
      sub_jobs_total: 1,
      sub_jobs: [expect.objectContaining({ status: "INIT", entities: { server_id: server.id } })],
    });
  });

  it("leaves out the error keys of a running job where it is told to", async () => {
    await start({ runningJobErrorKeys: "absent" });
    const server = simulator.addServer({ state: "SHUTOFF" });
    const { job_id } = (await reinstall(server.id)).json;
    expect(Object.keys(await job(job_id))).not.toContain("error_code");
  });

  it("is forgotten a day after it finished", async () => {
    await start();
    const server = simulator.addServer({ state: "SHUTOFF" });
    const { job_id } = (await reinstall(server.id)).json;
    clock.advance(100_000 + 24 * 3_600_000 - 1);
    expect(await job(job_id)).toMatchObject({ status: "SUCCESS" });
    clock.advance(1);
    const gone = await look(`/v1/${P}/jobs/${job_id}`);
    expect(gone).toMatchObject({ status: 400, json: { code: "Common.0011" } });
  });
});

describe("a reinstall is refused", () => {
  it.each([
    ["a running server without mode", { state: "ACTIVE" }, 400, "Ecs.0100"],
    ["a locked server", { state: "SHUTOFF", locked: true }, 400, "Ecs.0605"],
    ["a frozen server", { state: "SHUTOFF", frozen: true }, 400, "Ecs.0030"],
    ["a server without a system disk", { state: "SHUTOFF", systemDiskId: null }, 400, "Ecs.0105"],
    ["a server in ERROR", { state: "ERROR" }, 400, "Ecs.0100"],
  ] as const)("for %s", async (_, spec, status, code) => {
    await start();
    const server = simulator.addServer(spec);
    const answer = await reinstall(server.id);
    expect(answer).toMatchObject({
      status,
      json: { error: { code, message: expect.any(String) } },
    });
    expect(simulator.ledger().entries).toEqual([
      expect.objectContaining({ executed: false, refusedWith: code, jobId: null, newDiskId: null }),
    ]);
  });

  it("for a server that does not exist, or belongs to another project", async () => {
    const other = "f".repeat(32);
    await start({
      projects: [
        { id: P, name: "eu-west-0" },
        { id: other, name: "other" },
      ],
    });
    const server = simulator.addServer({ state: "SHUTOFF", projectId: other });
    for (const id of [server.id, "4f4b3dfa-0000-4000-8000-000000000009"]) {
      expect(await reinstall(id)).toMatchObject({
        status: 404,
        json: { error: { code: "Ecs.0114" } },
      });
    }
  });

  it("while another operation runs, whatever the server shows", async () => {
    await start({ reinstallView: "invisible" });
    const server = simulator.addServer({ state: "SHUTOFF" });
    await reinstall(server.id);
    const second = await reinstall(server.id);
    expect(second).toMatchObject({ status: 501, json: { error: { code: "Ecs.0603" } } });
    expect(simulator.ledger().servers[server.id]).toMatchObject({
      reinstallsExecuted: 1,
      reinstallsRequested: 2,
      maxConcurrent: 1,
    });
    expect(simulator.ledger().entries[1]).toMatchObject({ executed: false, overlapped: true });
  });

  it("when the image is gone or not active", async () => {
    await start();
    const server = simulator.addServer({ state: "SHUTOFF", imageId: "image-1" });
    simulator.putImage({ id: "image-1", status: "deleted" });
    expect((await reinstall(server.id)).json.error.code).toBe("Ecs.0032");
    simulator.removeImage("image-1");
    expect((await reinstall(server.id)).json.error.code).toBe("Ecs.0031");
  });

  it("under v1, which Paris does not have", async () => {
    const { cloud, sdkDate } = await start();
    const server = simulator.addServer({ state: "SHUTOFF" });
    const answer = await cloud.post(
      `/v1/${P}/cloudservers/${server.id}/reinstallos`,
      KEY_BODY,
      sdkDate(),
    );
    expect(answer).toMatchObject({
      status: 404,
      json: {
        error_code: "APIGW.0101",
        error_msg: expect.any(String),
        request_id: expect.any(String),
      },
    });
  });

  it("not in ERROR when the last reinstall failed", async () => {
    await start();
    const server = simulator.addServer({ state: "ERROR", reinstallFailed: true });
    expect((await reinstall(server.id)).status).toBe(200);
  });
});
