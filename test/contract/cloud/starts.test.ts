import { describe, expect, it } from "vitest";
import { job, reinstall, REFUSED, start, stop, view } from "./asking.ts";
import { type CloudRig, JOB_MS, NOBODY, RIGS, START_MS, STOP_MS } from "./rig.ts";
import { powerCall, PROJECT, SERVER } from "./setup.ts";

const STARTING = { status: "SHUTOFF", vmState: "stopped", taskState: "powering-on" };
const RUNNING = { status: "ACTIVE", vmState: "active", taskState: null };
const STOPPED = { status: "SHUTOFF", vmState: "stopped", taskState: null };

describe.each(RIGS)("a start %s", (_name, rigs) => {
  const open = rigs();

  it("brings a stopped server up, and keeps its disk", async () => {
    const rig = await open();
    const { systemDiskId } = await view(rig);
    const id = await accepted(rig);
    await rig.advance(START_MS - 1);
    expect(await view(rig)).toMatchObject({ ...STARTING, systemDiskId });
    expect(await job(rig, id)).toMatchObject({ kind: "running" });
    expect(rig.power()).toEqual({ stops: 0, starts: 1, isOn: false });
    await rig.advance(1);
    expect(await view(rig)).toMatchObject({ ...RUNNING, systemDiskId });
    expect(await job(rig, id)).toEqual({ kind: "succeeded", endedAtMs: rig.nowMs() });
    expect(rig.power()).toEqual({ stops: 0, starts: 1, isOn: true });
  });

  it.each([
    ["job-fails", "failed", STOPPED],
    ["stays-off", "succeeded", STOPPED],
    ["error", "failed", { status: "ERROR", vmState: "error", taskState: null }],
  ] as const)("may end otherwise: %s", async (startEnds, kind, left) => {
    const rig = await open({ startEnds });
    const id = await accepted(rig);
    await rig.advance(START_MS - 1);
    expect(await view(rig)).toMatchObject(STARTING);
    expect(await job(rig, id)).toMatchObject({ kind: "running" });
    await rig.advance(1);
    expect(await job(rig, id)).toMatchObject({
      kind,
      ...(kind === "failed" && { cloudCode: "Ecs.0226" }),
    });
    expect(await view(rig)).toMatchObject(left);
    expect(rig.power()).toEqual({ stops: 0, starts: 1, isOn: false });
  });

  it.each(["ACTIVE", "ERROR"] as const)("changes nothing in %s", async (status) => {
    const rig = await open({ status });
    const before = await view(rig);
    expect(await start(rig)).toMatchObject({ kind: "refused", refusal: REFUSED.state });
    expect(await view(rig)).toEqual({ ...before, cloudTimeMs: expect.any(Number) });
    await rig.advance(START_MS);
    expect(await view(rig)).toMatchObject({ status, taskState: null });
    expect(rig.power().starts).toBe(0);
  });

  it("is refused for a minute while anything runs on the server", async () => {
    const busy = { kind: "refused", refusal: REFUSED.busy, retryAfterMs: 60_000 };
    const starting = await open();
    await accepted(starting);
    expect(await start(starting)).toMatchObject(busy);
    expect(await stop(starting, "HARD")).toMatchObject(busy);
    const stopping = await open({ status: "ACTIVE" });
    await stop(stopping);
    expect(await start(stopping)).toMatchObject(busy);
    const reinstalled = await open();
    await reinstall(reinstalled);
    expect(await start(reinstalled)).toMatchObject(busy);
    expect(reinstalled.power().starts).toBe(0);
  });

  it("is refused for good on a locked server, and on none", async () => {
    const rig = await open();
    rig.outsider("lock");
    expect(await start(rig)).toMatchObject({ kind: "refused", refusal: REFUSED.locked });
    expect(await view(rig)).toMatchObject(STOPPED);
    const absent = { kind: "refused", refusal: REFUSED.absent };
    expect(await start(rig, NOBODY)).toMatchObject(absent);
    rig.outsider("delete");
    expect(await start(rig)).toMatchObject(absent);
  });

  it("undoes a stop, and is counted apart from what somebody else starts", async () => {
    const rig = await open({ status: "ACTIVE" });
    await stop(rig);
    await rig.advance(STOP_MS);
    expect(rig.power()).toEqual({ stops: 1, starts: 0, isOn: false });
    await accepted(rig);
    await rig.advance(START_MS);
    expect(rig.power()).toEqual({ stops: 1, starts: 1, isOn: true });
    rig.outsider("stop");
    rig.outsider("start");
    expect(rig.power()).toEqual({ stops: 1, starts: 1, isOn: true });
  });

  it("works after a reinstall that left the server off", async () => {
    const rig = await open({ endsAs: "SHUTOFF" });
    await reinstall(rig);
    await rig.advance(JOB_MS);
    expect(await view(rig)).toMatchObject(STOPPED);
    await accepted(rig);
    await rig.advance(START_MS);
    expect(await view(rig)).toMatchObject(RUNNING);
  });

  it("is in the way of a reinstall until it has ended", async () => {
    const rig = await open();
    await accepted(rig);
    await expect(reinstall(rig)).rejects.toThrow("Ecs.0603");
    expect(rig.executed()).toBe(0);
  });

  const unreadable = {
    kind: "unreadable",
    waitsFor: "cloud-unavailable",
    cloudCode: null,
    retryAfterMs: null,
  };

  it("is unreadable when its answer is lost, and works; a second one is refused", async () => {
    const rig = await open();
    await rig.befall("start-lost");
    expect(await start(rig)).toMatchObject(unreadable);
    expect(await view(rig)).toMatchObject(STARTING);
    expect(await start(rig)).toMatchObject({ kind: "refused", refusal: REFUSED.busy });
    await rig.advance(START_MS);
    expect(await start(rig)).toMatchObject({ kind: "refused", refusal: REFUSED.state });
    expect(await view(rig)).toMatchObject(RUNNING);
    expect(rig.power().starts).toBe(1);
  });

  it("is unreadable when it is lost on its way, and changes nothing; a second one works", async () => {
    const rig = await open();
    await rig.befall("start-unsent");
    expect(await start(rig)).toMatchObject(unreadable);
    expect(await view(rig)).toMatchObject(STOPPED);
    await accepted(rig);
    expect(rig.power().starts).toBe(1);
  });

  it("is not sent by who has been told to stop", async () => {
    const rig = await open();
    const outcome = await rig.api.start(
      PROJECT,
      SERVER,
      powerCall({ signal: AbortSignal.abort() }),
    );
    expect(outcome).toMatchObject({ kind: "unreadable", waitsFor: "cloud-unavailable" });
    expect(await view(rig)).toMatchObject(STOPPED);
  });

  it("is not sent by who may not begin any more when its turn has come", async () => {
    const rig = await open();
    const mayBegin = () => false;
    const outcome = await rig.api.start(PROJECT, SERVER, powerCall({ mayBegin }));
    expect(outcome).toMatchObject({ kind: "unreadable", waitsFor: "cloud-unavailable" });
    expect(await view(rig)).toMatchObject(STOPPED);
  });
});

/** The job of a start that must be accepted. */
async function accepted(rig: CloudRig) {
  const outcome = await start(rig);
  if (outcome.kind !== "accepted" || outcome.jobId === null)
    throw new Error(`no job: ${JSON.stringify(outcome)}`);
  return outcome.jobId;
}
