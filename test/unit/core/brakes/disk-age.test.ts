import { describe, expect, it } from "vitest";
import { ageOf, diskEntry, mustKnowAge } from "../../../../src/core/brakes/disk-age.ts";
import type { DiskLook } from "../../../../src/core/server/observations.ts";
import { DISK, HOUR, MINUTE, NOW, SERVER, server } from "../builders.ts";

function seen(changed: Partial<Extract<DiskLook, { kind: "seen" }>> = {}): DiskLook {
  return {
    kind: "seen",
    createdAtMs: NOW - HOUR,
    inFuture: false,
    status: "in-use",
    attachedTo: [SERVER],
    cloudTimeMs: NOW,
    ...changed,
  };
}

const OLD = server({ createdAtMs: NOW - 1_000 * HOUR });
const ageNow = (look: DiskLook, view = OLD) => ageOf(look, DISK, view, SERVER);
const UNREADABLE: DiskLook = {
  kind: "unreadable",
  waitsFor: "throttled",
  cloudCode: "APIGW.0308",
  message: "too many requests",
  retryAfterMs: 5_000,
};
const REFUSED: DiskLook = {
  kind: "refused",
  refusal: {
    class: "permission",
    cloudCode: "EVS.5400",
    httpStatus: 403,
    message: "no right.",
    nextStep: "Give the right to rebuild, then send a new command.",
    retryable: false,
  },
};

describe("what the age of a system disk says", () => {
  it("is when the server was reinstalled", () => {
    const found = { kind: "reinstalled", diskId: DISK, atMs: NOW - HOUR, healed: true };
    expect(ageNow(seen())).toEqual(found);
    // Not every answer says where the disk is.
    expect(ageNow(seen({ attachedTo: [] }))).toEqual(found);
  });

  it("heals nothing that looks broken", () => {
    const broken = server({ createdAtMs: 0, status: "ERROR" });
    expect(ageNow(seen(), broken)).toMatchObject({ kind: "reinstalled", healed: false });
  });

  it.each([
    ["as old as the server", 0, "never"],
    ["finished five minutes after the server", 5 * MINUTE, "never"],
    ["a moment more", 5 * MINUTE + 1, "reinstalled"],
    ["older than the server: it was attached to it", -HOUR, "never"],
  ])("of a disk that is %s", (_what, afterMs, kind) => {
    const young = server({ createdAtMs: NOW - HOUR });
    expect(ageNow(seen({ createdAtMs: NOW - HOUR + afterMs }), young).kind).toBe(kind);
  });

  it("is a reinstall where the server does not say when it was created", () => {
    expect(ageNow(seen(), server({ createdAtMs: null })).kind).toBe("reinstalled");
  });

  it("is not used from the future", () => {
    const future = ageNow(seen({ createdAtMs: NOW + HOUR, inFuture: true }));
    expect(future).toMatchObject({ kind: "ignored", detail: expect.stringContaining("future") });
  });

  it.each([
    ["no such disk", { kind: "absent" } as const, "cloud-unavailable", DISK],
    ["a disk of another server", seen({ attachedTo: ["other"] }), "cloud-unavailable", "another"],
    [
      "no right to ask",
      REFUSED,
      "cloud-unavailable",
      "is not known: the disk service refuses to say: no right. Give the worker's user evs:volumes:get in this project, or look at EVS_ENDPOINT; who waits for it goes on by itself.",
    ],
    ["no answer", UNREADABLE, "throttled", "too many requests"],
  ])("is not known: %s", (_what, look, waitsFor, message) => {
    const age = ageNow(look);
    expect(age).toMatchObject({
      kind: "unknown",
      waitsFor,
      message: expect.stringContaining(message),
    });
  });
});

describe("a command whose server has an unknown age", () => {
  it.each([
    ["nothing depends on it", undefined, "none", false],
    ["observed_at", NOW - MINUTE, "none", true],
    ["the memory may have lost it", undefined, "lost", true],
  ] as const)("%s: waits %s", (_what, observedAtMs, history, waits) => {
    expect(mustKnowAge(observedAtMs === undefined ? {} : { observedAtMs }, history)).toBe(waits);
  });
});

describe("what the store keeps of it", () => {
  it("is a reinstall that ended then", () => {
    const age = { kind: "reinstalled", diskId: DISK, atMs: 5, healed: false } as const;
    expect(diskEntry(age)).toMatchObject({ entry: { at: 5, ended: 5 }, healedAt: null });
    expect(diskEntry({ ...age, healed: true }).healedAt).toBe(5);
  });

  it("is that there was none, which no brake counts", () => {
    const { entry, healedAt } = diskEntry({ kind: "never", diskId: DISK });
    expect(entry).toMatchObject({ at: 0 });
    expect(entry).not.toHaveProperty("ended");
    expect(healedAt).toBeNull();
  });
});
