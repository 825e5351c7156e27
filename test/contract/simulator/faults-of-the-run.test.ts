import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FaultSpec } from "../../../src/simulator/faults/fault-schema.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { SimulatedServer, Simulator } from "../../../src/simulator/simulator.ts";
import { cloudClient, KEY_BODY, P, standingClock } from "./cloud-client.ts";

let simulator: Simulator;
let server: SimulatedServer;
let clock: ReturnType<typeof standingClock>;
let diskBefore: string | null;

beforeEach(async () => {
  clock = standingClock();
  simulator = await startSimulator({ clock, jobDurationMs: 100_000, signatureWindowMs: 60_000 });
  server = simulator.addServer({ state: "SHUTOFF" });
  diskBefore = server.systemDiskId;
});

afterEach(async () => {
  await simulator.close();
});

const sdkDate = () => ({ sdkDate: clock.sdkDate() });
const post = async () =>
  await cloudClient(simulator).reinstall(server.id, KEY_BODY["os-reinstall"], sdkDate());
const jobAnswer = async (id: string) =>
  await cloudClient(simulator).get(`/v1/${P}/jobs/${id}`, sdkDate());
const job = async (id: string) => (await jobAnswer(id)).json;

async function reinstallWith(run: FaultSpec["run"]): Promise<string> {
  simulator.faults.set({ operation: "reinstall", run });
  return (await post()).json.job_id;
}

describe("a failing reinstall", () => {
  it.each([
    ["kept", "shutoff", "SHUTOFF"],
    ["replaced", "error", "ERROR"],
    ["lost", "error", "ERROR"],
    ["lost", "unchanged", "SHUTOFF"],
  ] as const)("leaves the disk %s and the server %s", async (disk, left, status) => {
    const fail = { code: "Ecs.0202", reason: "volume quota", atFraction: 0.8, disk, server: left };
    const id = await reinstallWith({ fail });
    clock.advance(79_999);
    expect((await job(id)).status).toBe("RUNNING");
    clock.advance(1);
    expect(await job(id)).toMatchObject({
      status: "FAIL",
      error_code: "Ecs.0202",
      fail_reason: "volume quota",
      end_time: "2024-01-10T08:10:30.000Z",
    });
    expect(server).toMatchObject({ status, taskState: null });
    const after = server.systemDiskId;
    if (disk === "kept") expect(after).toBe(diskBefore);
    if (disk === "lost") expect(after).toBeNull();
    if (disk === "replaced") expect([null, diskBefore]).not.toContain(after);
    expect(simulator.ledger().entries.at(-1)).toMatchObject({
      kind: "reinstall-finished",
      succeeded: false,
      errorCode: "Ecs.0202",
      diskId: after,
    });
  });

  it("tells the cause in the sub-job where there is one", async () => {
    const id = await reinstallWith({ subJobs: true, fail: { reason: "volume quota" } });
    clock.advance(100_000);
    expect((await job(id)).entities.sub_jobs).toMatchObject([
      { status: "FAIL", error_code: "Ecs.0202", entities: { errorcode_message: "volume quota" } },
    ]);
  });

  it("may be followed by another one", async () => {
    await reinstallWith({ fail: { server: "error" } });
    clock.advance(50_000);
    simulator.faults.clear();
    expect((await post()).status).toBe(200);
    clock.advance(100_000);
    expect(server.status).toBe("ACTIVE");
  });
});

describe("a job that lies", () => {
  it("says SUCCESS while the server is busy and its disk the old one", async () => {
    const id = await reinstallWith({ successAtFraction: 0.1 });
    clock.advance(10_000);
    expect((await job(id)).status).toBe("SUCCESS");
    expect(server).toMatchObject({ taskState: "reinstalling", systemDiskId: diskBefore });
    clock.advance(90_000);
    expect(server).toMatchObject({ status: "ACTIVE", taskState: null });
    expect(server.systemDiskId).not.toBe(diskBefore);
  });

  it("runs for ever though the work is done", async () => {
    const id = await reinstallWith({ jobStuck: true });
    clock.advance(1_000_000);
    expect((await job(id)).status).toBe("RUNNING");
    expect(server.status).toBe("ACTIVE");
  });

  it("runs for ever because the work hangs", async () => {
    const id = await reinstallWith({ hangsAtFraction: 0.5 });
    clock.advance(1_000_000);
    expect((await job(id)).status).toBe("RUNNING");
    expect(server).toMatchObject({
      taskState: "reinstalling",
      systemDiskId: null,
      runningJobs: [id],
    });
  });

  it("is unknown right after the POST, and vanishes later", async () => {
    const id = await reinstallWith({ jobUnknownForMs: 2_000, jobVanishesAfterMs: 5_000 });
    const gone = { status: 400, json: { code: "Common.0011" } };
    expect(await jobAnswer(id)).toMatchObject(gone);
    clock.advance(2_000);
    expect((await jobAnswer(id)).status).toBe(200);
    clock.advance(3_000);
    expect(await jobAnswer(id)).toMatchObject(gone);
    simulator.faults.clear();
  });

  it("vanishes with a 404 where it is told to", async () => {
    const id = await reinstallWith({ jobVanishesAfterMs: 0, jobGoneAnswer: "404" });
    expect((await jobAnswer(id)).status).toBe(404);
  });

  it("belongs to another server", async () => {
    const id = await reinstallWith({ jobServerId: "somebody-else" });
    expect((await job(id)).entities).toEqual({ server_id: "somebody-else" });
  });

  it("lists a temporary server's part first, and its own server's later", async () => {
    const id = await reinstallWith({ jobOursAfterMs: 10_000 });
    const named = async () =>
      (
        (await job(id)).entities as { sub_jobs: { entities: { server_id: string } }[] }
      ).sub_jobs.map(({ entities }) => entities.server_id);
    const [temporary] = await named();
    expect(await named()).toHaveLength(1);
    clock.advance(10_000);
    const [first, second] = await named();
    expect(first).toBe(temporary);
    expect(second).not.toBe(temporary);
  });

  it("has a status that nobody knows until it ends", async () => {
    const id = await reinstallWith({ jobStatusText: "PENDING_REVIEW" });
    expect((await job(id)).status).toBe("PENDING_REVIEW");
    clock.advance(100_000);
    expect((await job(id)).status).toBe("SUCCESS");
  });
});

describe("a server that lies", () => {
  it("keeps the id of its system disk", async () => {
    await reinstallWith({ keepsDiskId: true });
    clock.advance(50_000);
    expect(server.systemDiskId).toBeNull();
    clock.advance(50_000);
    expect(server).toMatchObject({ status: "ACTIVE", systemDiskId: diskBefore });
    expect(simulator.ledger().entries[0]).toMatchObject({
      oldDiskId: diskBefore,
      newDiskId: diskBefore,
    });
  });

  it("never shows that something runs", async () => {
    await reinstallWith({ view: "invisible" });
    for (let i = 0; i < 99; i += 1) {
      expect(server).toMatchObject({
        status: "SHUTOFF",
        taskState: null,
        systemDiskId: diskBefore,
      });
      clock.advance(1_000);
    }
    clock.advance(1_000);
    expect(server.systemDiskId).not.toBe(diskBefore);
  });

  it("accepts a second reinstall while the first one runs, and the ledger counts both", async () => {
    simulator.faults.set({ operation: "reinstall", lax: true });
    await post();
    clock.advance(1_000);
    expect((await post()).status).toBe(200);
    expect(simulator.ledger().servers[server.id]).toMatchObject({
      reinstallsExecuted: 2,
      maxConcurrent: 2,
    });
    expect(simulator.ledger().entries[1]).toMatchObject({ executed: true, overlapped: true });
    clock.advance(100_000);
    expect(server).toMatchObject({ status: "ACTIVE", taskState: null, runningJobs: [] });
  });
});

describe("a late POST", () => {
  it("is carried out while its signature is young, without an answer", async () => {
    simulator.faults.set({ operation: "reinstall", lateExecutionMs: 60_000 });
    const answer = post().catch(() => "silence");
    await expect.poll(() => simulator.calls().reinstall).toBe(1);
    clock.advance(59_999);
    expect(simulator.ledger().entries).toEqual([]);
    clock.advance(1);
    expect(simulator.ledger().entries).toMatchObject([
      {
        executed: true,
        at: clock.nowMs(),
        receivedAt: clock.nowMs() - 60_000,
        signedAt: clock.nowMs() - 60_000,
      },
    ]);
    expect(server.taskState).toBe("reinstalling");
    await simulator.close();
    expect(await answer).toBe("silence");
  });

  it("is refused when its signature has become too old on the way", async () => {
    simulator.faults.set({ operation: "reinstall", lateExecutionMs: 60_001 });
    const answer = post().catch(() => "silence");
    await expect.poll(() => simulator.calls().reinstall).toBe(1);
    clock.advance(3_600_000);
    expect(simulator.ledger().entries).toMatchObject([
      { executed: false, refusedWith: "APIGW.0301" },
    ]);
    expect(server.systemDiskId).toBe(diskBefore);
    await simulator.close();
    expect(await answer).toBe("silence");
  });

  it("is judged after its delay, not on arrival", async () => {
    simulator.faults.set({ operation: "reinstall", delayBeforeExecutionMs: 150 });
    const answer = post();
    await expect.poll(() => simulator.calls().reinstall, { interval: 5 }).toBe(1);
    clock.advance(60_001);
    expect((await answer).json.error_msg).toContain("signature expired");
  });
});

describe("somebody else", () => {
  it.each([
    [{ action: "start" }, { status: "ACTIVE" }],
    [{ action: "break" }, { status: "ERROR" }],
    [
      { action: "set-task", taskState: "resize_prep" },
      { status: "RESIZE", taskState: "resize_prep" },
    ],
    [{ action: "swap-disk", diskId: "another" }, { systemDiskId: "another" }],
    [{ action: "remove-disk" }, { systemDiskId: null }],
    [{ action: "reinstall" }, { taskState: "reinstalling" }],
  ] as const)("may do %j to a server", (action, seen) => {
    server.act(action);
    expect(server).toMatchObject(seen);
    expect(simulator.ledger().entries).toMatchObject([
      { kind: "outside-change", action: action.action },
    ]);
  });

  it("may lock, freeze and delete a server, which then refuses", async () => {
    const code = async () => (await post()).json.error.code;
    server.act({ action: "lock" });
    expect(await code()).toBe("Ecs.0605");
    server.act({ action: "unlock" });
    server.act({ action: "freeze" });
    expect(await code()).toBe("Ecs.0030");
    server.act({ action: "delete" });
    expect(await code()).toBe("Ecs.0114");
  });

  it("may delete a server in the middle of a reinstall, whose job then fails", async () => {
    const id = await reinstallWith({});
    server.act({ action: "delete" });
    clock.advance(100_000);
    expect(await job(id)).toMatchObject({ status: "FAIL", error_code: "Ecs.0114" });
  });
});
