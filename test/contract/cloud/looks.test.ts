import { describe, expect, it } from "vitest";
import { wholeSeconds } from "../../support/in-memory/cloud.ts";
import { look, REFUSED, reinstall, view } from "./asking.ts";
import { JOB_MS, NOBODY, RIGS } from "./rig.ts";
import { PROJECT, SERVER } from "./setup.ts";

describe.each(RIGS)("a look at a server %s", (_name, rigs) => {
  const open = rigs();

  it.each([
    ["ACTIVE", "active"],
    ["SHUTOFF", "stopped"],
    ["ERROR", "error"],
  ] as const)("shows one in %s, idle, with its system disk", async (status, vmState) => {
    const rig = await open({ status });
    expect(await view(rig)).toMatchObject({
      status,
      vmState,
      taskState: null,
      systemDiskId: expect.stringMatching(/./),
      volumeType: null,
      locked: false,
      frozen: false,
      faultMessage: status === "ERROR" ? expect.stringMatching(/./) : null,
      mark: null,
      unreadMark: null,
      address: "10.0.0.7",
      createdAtMs: wholeSeconds(rig.nowMs()),
    });
  });

  it.each(["never", "allowed"] as const)("shows the mark `%s`", async (mark) => {
    const rig = await open({ mark });
    expect(await view(rig)).toMatchObject({ mark, unreadMark: null });
    await reinstall(rig);
    await rig.advance(JOB_MS);
    expect(await view(rig)).toMatchObject({ status: "ACTIVE", mark });
  });

  it("changes nothing", async () => {
    const rig = await open();
    const first = await view(rig);
    expect(await view(rig)).toEqual({ ...first, cloudTimeMs: expect.any(Number) });
    expect(rig.executed()).toBe(0);
  });

  it("tells the cloud's time, to the second, whatever the caller's clock says", async () => {
    const rig = await open({ clockAheadMs: 5_000 });
    await rig.advance(1_999.5);
    const cloudTimeMs = (await view(rig)).cloudTimeMs ?? 0;
    expect(cloudTimeMs).toBeGreaterThan(rig.nowMs() - 1_000);
    expect(cloudTimeMs).toBeLessThan(rig.nowMs() + 1_000);
    expect(Number.isInteger(cloudTimeMs)).toBe(true);
  });

  it("shows a lock as long as there is one", async () => {
    const rig = await open();
    rig.outsider("lock");
    expect(await view(rig)).toMatchObject({ locked: true, status: "SHUTOFF", taskState: null });
    rig.outsider("unlock");
    expect(await view(rig)).toMatchObject({ locked: false });
  });

  it("shows what somebody else did to its power", async () => {
    const rig = await open();
    rig.outsider("start");
    expect(await view(rig)).toMatchObject({ status: "ACTIVE", vmState: "active" });
    rig.outsider("stop");
    expect(await view(rig)).toMatchObject({ status: "SHUTOFF", vmState: "stopped" });
  });

  it("says that one is absent which is deleted, and one that never was", async () => {
    const rig = await open();
    const absent = { kind: "absent", refusal: REFUSED.absent };
    expect(await look(rig, NOBODY)).toMatchObject(absent);
    rig.outsider("delete");
    expect(await look(rig)).toMatchObject(absent);
  });

  it("is unreadable when no answer comes, and only then", async () => {
    const rig = await open();
    await rig.befall("look-unreadable");
    expect(await look(rig)).toMatchObject({
      kind: "unreadable",
      waitsFor: "cloud-unavailable",
      cloudCode: null,
      retryAfterMs: null,
    });
    expect(await look(rig)).toMatchObject({ kind: "seen" });
  });

  it("is unreadable for who has been told to stop", async () => {
    const rig = await open();
    expect(await rig.api.look(PROJECT, SERVER, AbortSignal.abort())).toMatchObject({
      kind: "unreadable",
      waitsFor: "cloud-unavailable",
    });
  });
});
