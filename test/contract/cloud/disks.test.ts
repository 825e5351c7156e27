import { describe, expect, it } from "vitest";
import { DiskId } from "../../../src/contract/ids.ts";
import { reinstall, view } from "./asking.ts";
import { type CloudRig, JOB_MS, RIGS } from "./rig.ts";
import { PROJECT, SERVER, signal } from "./setup.ts";

describe.each(RIGS)("a look at a disk %s", (_name, rigs) => {
  const open = rigs();

  it("shows when it was created, and who has it", async () => {
    const rig = await open();
    const begun = rig.nowMs();
    const id = await diskOf(rig);
    await rig.advance(3_600_000);
    expect(await disk(rig, id)).toMatchObject({
      kind: "seen",
      createdAtMs: begun,
      inFuture: false,
      status: "in-use",
      attachedTo: [SERVER],
    });
  });

  it.each(["shown", "hidden"] as const)(
    "shows after a reinstall a new one, created while it ran (%s)",
    async (shown) => {
      const rig = await open({ view: shown });
      const old = await diskOf(rig);
      await rig.advance(3_600_000);
      const posted = rig.nowMs();
      await reinstall(rig);
      await rig.advance(JOB_MS);
      const id = await diskOf(rig);
      expect(id).not.toBe(old);
      expect(await disk(rig, old)).toEqual({ kind: "absent" });
      expect(await disk(rig, id)).toMatchObject({
        kind: "seen",
        createdAtMs: posted + 0.3 * JOB_MS,
        attachedTo: [SERVER],
      });
    },
  );

  it("shows the old age where the cloud keeps the disk", async () => {
    const rig = await open({ keepsDisk: true });
    const begun = rig.nowMs();
    const id = await diskOf(rig);
    await rig.advance(3_600_000);
    await reinstall(rig);
    await rig.advance(JOB_MS);
    expect(await diskOf(rig)).toBe(id);
    expect(await disk(rig, id)).toMatchObject({ createdAtMs: begun });
  });

  it.each(["fail-error", "fail-old-disk"] as const)(
    "shows the old age after a reinstall that failed (%s)",
    async (end) => {
      const rig = await open();
      const begun = rig.nowMs();
      const id = await diskOf(rig);
      await rig.advance(3_600_000);
      rig.course({ end });
      await reinstall(rig);
      await rig.advance(JOB_MS);
      expect(await disk(rig, id)).toMatchObject({ createdAtMs: begun, attachedTo: [SERVER] });
    },
  );

  it("says that one is absent which is lost, and one that never was", async () => {
    const rig = await open();
    const id = await diskOf(rig);
    expect(await disk(rig, DiskId.parse("no-such-disk"))).toEqual({ kind: "absent" });
    rig.course({ end: "fail-no-disk" });
    await reinstall(rig);
    await rig.advance(JOB_MS);
    expect(await disk(rig, id)).toEqual({ kind: "absent" });
  });

  it("is unreadable when no answer comes, and only then", async () => {
    const rig = await open();
    const id = await diskOf(rig);
    await rig.befall("disk-unreadable");
    expect(await disk(rig, id)).toMatchObject({
      kind: "unreadable",
      waitsFor: "cloud-unavailable",
      cloudCode: null,
      retryAfterMs: null,
    });
    expect(await disk(rig, id)).toMatchObject({ kind: "seen" });
  });
});

async function diskOf(rig: CloudRig): Promise<DiskId> {
  const { systemDiskId } = await view(rig);
  if (systemDiskId === null) throw new Error("no system disk");
  return systemDiskId;
}

async function disk(rig: CloudRig, id: DiskId) {
  if (rig.api.disk === undefined) throw new Error("no disk service");
  return rig.api.disk(PROJECT, id, signal());
}
