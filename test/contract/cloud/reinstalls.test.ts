import { describe, expect, it } from "vitest";
import type { JobId } from "../../../src/contract/ids.ts";
import { job, reinstall, REFUSED, submit, view, WITH_STOP } from "./asking.ts";
import { type CloudRig, JOB_MS, OTHER, RIGS } from "./rig.ts";
import { SERVER } from "./setup.ts";

const SUCCEEDED = { kind: "succeeded" };
const RUNNING = { kind: "running", jobStatus: expect.stringMatching(/^(INIT|RUNNING)$/) };
const MISSING = { kind: "missing", cloudCode: "Common.0011" };
const IDLE = { taskState: null };
const REBUILDING = { status: "REBUILD", taskState: "rebuilding" };

describe.each(RIGS)("a reinstall %s", (_name, rigs) => {
  const open = rigs();

  it("replaces the system disk once: away, another one, and only then idle", async () => {
    const rig = await open();
    const { systemDiskId } = await view(rig);
    const startMs = rig.nowMs();
    const id = await reinstall(rig);
    expect(id).not.toBe("");

    const at = async (ms: number) => {
      await rig.advance(startMs + ms - rig.nowMs());
      return { job: await job(rig, id), server: await view(rig) };
    };
    expect(await at(10_000)).toMatchObject({
      job: RUNNING,
      server: { ...REBUILDING, vmState: "stopped", systemDiskId },
    });
    expect(await at(30_000)).toMatchObject({
      job: RUNNING,
      server: { ...REBUILDING, systemDiskId: null },
    });
    const { job: running, server } = await at(50_000);
    expect([running, server]).toMatchObject([RUNNING, REBUILDING]);
    expect(server.systemDiskId).not.toBe(systemDiskId);
    expect(server.systemDiskId).not.toBeNull();
    expect(await at(JOB_MS - 1)).toMatchObject({ job: RUNNING, server: REBUILDING });
    const after = {
      job: { kind: "succeeded", endedAtMs: startMs + JOB_MS },
      server: {
        ...IDLE,
        status: "ACTIVE",
        vmState: "active",
        faultMessage: null,
        systemDiskId: server.systemDiskId,
      },
    };
    expect(await at(JOB_MS)).toMatchObject(after);
    expect(await at(3_600_000)).toMatchObject(after);
    expect(rig.executed()).toBe(1);
  });

  it("leaves the server stopped where the cloud does so", async () => {
    const rig = await open({ endsAs: "SHUTOFF" });
    await reinstall(rig);
    await rig.advance(JOB_MS);
    expect(await view(rig)).toMatchObject({ ...IDLE, status: "SHUTOFF", vmState: "stopped" });
    expect((await submit(rig)).kind).toBe("accepted");
  });

  it("leaves the server running elsewhere, so that the next one needs a stop", async () => {
    const rig = await open();
    const disks = [(await view(rig)).systemDiskId];
    await reinstall(rig);
    await rig.advance(JOB_MS);
    disks.push((await view(rig)).systemDiskId);
    expect(await submit(rig)).toMatchObject({ kind: "later", refusal: REFUSED.state });
    await reinstall(rig, WITH_STOP);
    await rig.advance(JOB_MS);
    disks.push((await view(rig)).systemDiskId);
    expect(new Set(disks).size).toBe(3);
    expect(rig.executed()).toBe(2);
  });

  it("stops a running server when asked to, which shows from the first moment", async () => {
    const rig = await open({ status: "ACTIVE" });
    const { systemDiskId } = await view(rig);
    await reinstall(rig, WITH_STOP);
    expect((await view(rig)).taskState).not.toBeNull();
    await rig.advance(JOB_MS / 2);
    expect(await view(rig)).toMatchObject({ ...REBUILDING, vmState: "stopped" });
    await rig.advance(JOB_MS / 2);
    const after = await view(rig);
    expect(after).toMatchObject({ ...IDLE, status: "ACTIVE" });
    expect(after.systemDiskId).not.toBe(systemDiskId);
  });

  it.each([
    ["SHUTOFF", undefined],
    ["ACTIVE", WITH_STOP],
  ] as const)("may show nothing of itself until its end (%s)", async (status, body) => {
    const rig = await open({ view: "hidden", status });
    const before = await view(rig);
    const id = await reinstall(rig, body);
    for (let i = 0; i < 5; i += 1) {
      expect(await view(rig)).toMatchObject({ ...before, cloudTimeMs: expect.any(Number) });
      expect(await job(rig, id)).toMatchObject(RUNNING);
      await rig.advance(JOB_MS / 5);
    }
    const after = await view(rig);
    expect(after).toMatchObject({ ...IDLE, status: "ACTIVE" });
    expect(after.systemDiskId).not.toBe(before.systemDiskId);
    expect(after.systemDiskId).not.toBeNull();
  });

  it("may keep the disk's id", async () => {
    const rig = await open({ keepsDisk: true });
    const { systemDiskId } = await view(rig);
    const id = await reinstall(rig);
    await rig.advance(JOB_MS / 2);
    expect(await view(rig)).toMatchObject({ systemDiskId: null });
    await rig.advance(JOB_MS / 2);
    expect(await view(rig)).toMatchObject({ ...IDLE, systemDiskId });
    expect(await job(rig, id)).toMatchObject(SUCCEEDED);
    expect(rig.executed()).toBe(1);
  });

  it("may never end", async () => {
    const rig = await open();
    rig.course({ durationMs: null });
    const { systemDiskId } = await view(rig);
    const id = await reinstall(rig);
    await rig.advance(36_000_000);
    expect(await job(rig, id)).toMatchObject({ kind: "running" });
    expect(await view(rig)).toMatchObject({ ...REBUILDING, systemDiskId });
    expect(await submit(rig)).toMatchObject({ kind: "later", refusal: REFUSED.busy });
  });

  it("may say SUCCESS before the server is ready, and stays at that word", async () => {
    const rig = await open();
    rig.course({ earlyMs: JOB_MS / 4 });
    const saidMs = rig.nowMs() + (JOB_MS * 3) / 4;
    const id = await reinstall(rig);
    await rig.advance(saidMs - 1 - rig.nowMs());
    expect(await job(rig, id)).toMatchObject({ kind: "running" });
    await rig.advance(1);
    expect(await job(rig, id)).toEqual({ kind: "succeeded", endedAtMs: saidMs });
    expect(await view(rig)).toMatchObject(REBUILDING);
    expect(await submit(rig)).toMatchObject({ kind: "later", refusal: REFUSED.busy });
    await rig.advance(JOB_MS / 4);
    expect(await job(rig, id)).toEqual({ kind: "succeeded", endedAtMs: saidMs });
    expect(await view(rig)).toMatchObject(IDLE);
  });

  describe("that fails", () => {
    const FAILED = {
      kind: "failed",
      cloudCode: "Ecs.0202",
      message: expect.stringMatching(/./),
    };

    async function failing(end: "fail-error" | "fail-old-disk" | "fail-no-disk") {
      const rig = await open();
      rig.course({ end });
      const { systemDiskId } = await view(rig);
      const id = await reinstall(rig);
      await rig.advance(JOB_MS / 2);
      expect(await job(rig, id)).toMatchObject(RUNNING);
      expect(await view(rig)).toMatchObject(REBUILDING);
      await rig.advance(JOB_MS / 2);
      expect(await job(rig, id)).toMatchObject(FAILED);
      expect(rig.executed()).toBe(1);
      return { rig, systemDiskId };
    }

    it("may leave an ERROR with the old disk, and may be tried again", async () => {
      const { rig, systemDiskId } = await failing("fail-error");
      expect(await view(rig)).toMatchObject({
        ...IDLE,
        status: "ERROR",
        vmState: "error",
        systemDiskId,
        faultMessage: expect.stringMatching(/./),
      });
      await worksNow(rig, systemDiskId);
    });

    it("may leave a stopped server with the old disk, and may be tried again", async () => {
      const { rig, systemDiskId } = await failing("fail-old-disk");
      expect(await view(rig)).toMatchObject({ ...IDLE, status: "SHUTOFF", systemDiskId });
      await worksNow(rig, systemDiskId);
    });

    it("may leave no disk, and then is refused for good", async () => {
      const { rig } = await failing("fail-no-disk");
      expect(await view(rig)).toMatchObject({ ...IDLE, status: "SHUTOFF", systemDiskId: null });
      expect(await submit(rig)).toMatchObject({ kind: "refused", refusal: REFUSED.noDisk });
      expect(rig.executed()).toBe(1);
    });

    async function worksNow(rig: CloudRig, oldDisk: string | null) {
      rig.course({});
      await reinstall(rig);
      await rig.advance(JOB_MS);
      const after = await view(rig);
      expect(after).toMatchObject({ ...IDLE, status: "ACTIVE", faultMessage: null });
      expect(after.systemDiskId).not.toBe(oldDisk);
    }
  });
});

describe.each(RIGS)("a look at a job %s", (_name, rigs) => {
  const open = rigs();

  it("misses one that never was", async () => {
    const rig = await open();
    expect(await job(rig, "no-such-job" as JobId)).toEqual(MISSING);
  });

  it("misses one that is not visible yet", async () => {
    const rig = await open();
    rig.course({ visibleAfterMs: 5_000 });
    const id = await reinstall(rig);
    await rig.advance(4_999);
    expect(await job(rig, id)).toEqual(MISSING);
    await rig.advance(1);
    expect(await job(rig, id)).toMatchObject(RUNNING);
  });

  it("misses one that has vanished, while its work goes on", async () => {
    const rig = await open();
    rig.course({ vanishesAfterMs: 20_000 });
    const { systemDiskId } = await view(rig);
    const id = await reinstall(rig);
    await rig.advance(19_999);
    expect(await job(rig, id)).toMatchObject(RUNNING);
    await rig.advance(1);
    expect(await job(rig, id)).toEqual(MISSING);
    await rig.advance(JOB_MS);
    expect(await job(rig, id)).toEqual(MISSING);
    expect((await view(rig)).systemDiskId).not.toBe(systemDiskId);
  });

  it("tells one that is about another server", async () => {
    const rig = await open();
    const id = await reinstall(rig);
    expect(await job(rig, id, OTHER)).toEqual({ kind: "foreign", serverId: SERVER, by: "job" });
    expect(await job(rig, id)).toMatchObject(RUNNING);
    await rig.advance(JOB_MS);
    rig.course({ foreign: true });
    const strange = await job(rig, await reinstall(rig, WITH_STOP));
    expect(strange).toMatchObject({ kind: "foreign" });
    expect(strange).toMatchObject({ by: "job" });
    expect(strange).not.toMatchObject({ serverId: SERVER });
  });

  it("tells one whose parts name a temporary server first, and ours later", async () => {
    const rig = await open();
    rig.course({ oursAfterMs: JOB_MS / 4 });
    const id = await reinstall(rig);
    expect(await job(rig, id)).toMatchObject({ kind: "foreign", by: "sub-jobs" });
    await rig.advance(JOB_MS / 2);
    expect(await job(rig, id)).toMatchObject({ kind: "running" });
  });

  it("is unreadable when no answer comes, and only then", async () => {
    const rig = await open();
    const id = await reinstall(rig);
    await rig.befall("job-unreadable");
    expect(await job(rig, id)).toMatchObject({
      kind: "unreadable",
      waitsFor: "cloud-unavailable",
      cloudCode: null,
      retryAfterMs: null,
    });
    expect(await job(rig, id)).toMatchObject(RUNNING);
  });
});
