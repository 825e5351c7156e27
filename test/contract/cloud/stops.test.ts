import { describe, expect, it } from "vitest";
import { job, reinstall, REFUSED, stop, view } from "./asking.ts";
import { type CloudRig, NOBODY, RIGS, STOP_MS } from "./rig.ts";
import { powerCall, PROJECT, SERVER } from "./setup.ts";

const STOPPING = { status: "ACTIVE", vmState: "active", taskState: "powering-off" };
const STOPPED = { status: "SHUTOFF", vmState: "stopped", taskState: null };

describe.each(RIGS)("a stop %s", (_name, rigs) => {
  const open = rigs();

  it.each(["SOFT", "HARD"] as const)("brings a running server down (%s)", async (type) => {
    const rig = await open({ status: "ACTIVE" });
    const { systemDiskId } = await view(rig);
    const id = await accepted(rig, type);
    await rig.advance(STOP_MS - 1);
    expect(await view(rig)).toMatchObject({ ...STOPPING, systemDiskId });
    expect(await job(rig, id)).toMatchObject({ kind: "running" });
    await rig.advance(1);
    expect(await view(rig)).toMatchObject({ ...STOPPED, systemDiskId });
    expect(await job(rig, id)).toEqual({ kind: "succeeded", endedAtMs: rig.nowMs() });
  });

  it("may not work when it is soft; a hard one overtakes it", async () => {
    const rig = await open({ status: "ACTIVE", softStopWorks: false });
    const soft = await accepted(rig, "SOFT");
    await rig.advance(10 * STOP_MS);
    expect(await view(rig)).toMatchObject(STOPPING);
    expect(await job(rig, soft)).toMatchObject({ kind: "running" });
    const hard = await accepted(rig, "HARD");
    await rig.advance(STOP_MS - 1);
    expect(await view(rig)).toMatchObject(STOPPING);
    await rig.advance(1);
    expect(await view(rig)).toMatchObject(STOPPED);
    expect(await job(rig, soft)).toMatchObject({ kind: "failed", cloudCode: "Ecs.0100" });
    expect(await job(rig, hard)).toMatchObject({ kind: "succeeded" });
  });

  it.each(["SHUTOFF", "ERROR"] as const)("changes nothing in %s", async (status) => {
    const rig = await open({ status });
    const before = await view(rig);
    const refused = { kind: "refused", refusal: REFUSED.state };
    expect(await stop(rig, "SOFT")).toMatchObject(refused);
    expect(await stop(rig, "HARD")).toMatchObject(refused);
    expect(await view(rig)).toEqual({ ...before, cloudTimeMs: expect.any(Number) });
    await rig.advance(STOP_MS);
    expect(await view(rig)).toMatchObject({ status, taskState: null });
  });

  it("is refused for now while another one runs, or a reinstall", async () => {
    const busy = { kind: "refused", refusal: REFUSED.busy };
    const running = await open({ status: "ACTIVE" });
    await accepted(running, "HARD");
    expect(await stop(running, "SOFT")).toMatchObject(busy);
    expect(await stop(running, "HARD")).toMatchObject(busy);
    const reinstalled = await open();
    await reinstall(reinstalled);
    expect(await stop(reinstalled, "SOFT")).toMatchObject(busy);
    expect(await stop(reinstalled, "HARD")).toMatchObject(busy);
  });

  it("is refused for good on a locked server, and on none", async () => {
    const rig = await open({ status: "ACTIVE" });
    rig.outsider("lock");
    expect(await stop(rig)).toMatchObject({ kind: "refused", refusal: REFUSED.locked });
    expect(await view(rig)).toMatchObject({ status: "ACTIVE", taskState: null });
    const absent = { kind: "refused", refusal: REFUSED.absent };
    expect(await stop(rig, "SOFT", NOBODY)).toMatchObject(absent);
    rig.outsider("delete");
    expect(await stop(rig)).toMatchObject(absent);
  });

  it("is unreadable when its answer is lost, and works", async () => {
    const rig = await open({ status: "ACTIVE" });
    await rig.befall("stop-lost");
    expect(await stop(rig)).toMatchObject({
      kind: "unreadable",
      waitsFor: "cloud-unavailable",
      cloudCode: null,
      retryAfterMs: null,
    });
    expect(await view(rig)).toMatchObject(STOPPING);
    await rig.advance(STOP_MS);
    expect(await view(rig)).toMatchObject(STOPPED);
  });

  it("is not sent by who has been told to stop", async () => {
    const rig = await open({ status: "ACTIVE" });
    const outcome = await rig.api.stop(
      PROJECT,
      SERVER,
      "HARD",
      powerCall({ signal: AbortSignal.abort() }),
    );
    expect(outcome).toMatchObject({ kind: "unreadable", waitsFor: "cloud-unavailable" });
    expect(await view(rig)).toMatchObject({ status: "ACTIVE", taskState: null });
  });

  it("is not sent by who may not begin any more when its turn has come", async () => {
    const rig = await open({ status: "ACTIVE" });
    const mayBegin = () => false;
    const outcome = await rig.api.stop(PROJECT, SERVER, "HARD", powerCall({ mayBegin }));
    expect(outcome).toMatchObject({ kind: "unreadable", waitsFor: "cloud-unavailable" });
    expect(await view(rig)).toMatchObject({ status: "ACTIVE", taskState: null });
  });
});

/** The job of a stop that must be accepted. */
async function accepted(rig: CloudRig, type: "SOFT" | "HARD") {
  const outcome = await stop(rig, type);
  if (outcome.kind !== "accepted" || outcome.jobId === null)
    throw new Error(`no job: ${JSON.stringify(outcome)}`);
  return outcome.jobId;
}
