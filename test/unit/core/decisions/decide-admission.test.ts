import { describe, expect, it } from "vitest";
import type { Candidate } from "../../../../src/core/candidate.ts";
import { afterAdmissionLook, afterBusy } from "../../../../src/core/decisions/decide-admission.ts";
import { cancelled, diskMismatch, expired, superseded } from "../../../../src/core/endings.ts";
import { shownOwner } from "../../../../src/core/state/lock-owner.ts";
import {
  beforeOf,
  towardsProof,
  towardsPrepare,
  towardsSubmit,
} from "../../../../src/core/towards.ts";
import { waitFor } from "../../../../src/core/waiting/waiting.ts";
import {
  ABSENT,
  asFinal,
  asNext,
  BEFORE,
  BODY,
  candidate,
  DISK,
  LEADER,
  MINUTE,
  moment,
  NEW_DISK,
  NOW,
  order,
  REFUSED,
  RULES,
  SECOND,
  seen,
  server,
  state,
  UNREADABLE,
} from "../builders.ts";

const EXPIRED = order({ expiresAtMs: NOW });
const look = (c: Candidate, seenThere: Parameters<typeof afterAdmissionLook>[1], rules = RULES) =>
  afterAdmissionLook(c, seenThere, moment({ rules }));

describe("a server that is busy with another command", () => {
  const busy = (c: Candidate, sameWish: boolean) =>
    afterBusy(c, { holder: LEADER, sameWish }, moment());

  it("is shared by an equal wish", () => {
    const decision = asNext(busy(candidate(), true), "joined");
    expect(decision.state).toEqual({
      phase: "joined",
      body: BODY,
      leader: LEADER,
      sinceMs: NOW,
    });
    expect(decision).toMatchObject({ delayMs: 2_000, lock: "release", intent: "keep" });
    expect(decision.events).toEqual([{ event: "joined", data: { leader: LEADER } }]);
  });

  it("is waited for by a different wish", () => {
    const decision = asNext(busy(candidate(), false), "waiting");
    expect(decision.state).toMatchObject({ waitsFor: "server-busy", holder: LEADER });
    expect(decision.events).toEqual([
      {
        event: "waiting",
        data: {
          waits_for: "server-busy",
          holder: LEADER,
          expires_at: "2026-11-24T15:00:00.000Z",
        },
      },
    ]);
  });

  it.each([
    [shownOwner("ops/resizer-7f9c"), false],
    [shownOwner("snapshot/42"), true],
  ])("is waited for where another service holds it, by its name: %s", (holder, sameWish) => {
    const decision = asNext(afterBusy(candidate(), { holder, sameWish }, moment()), "waiting");
    expect(decision.events[0]?.data).toMatchObject({ waits_for: "server-busy", holder });
    // A worker that knows only commands as holders must be able to read it.
    expect(decision.state).toMatchObject({ waitsFor: "server-busy", lockOwner: holder });
    expect(decision.state).not.toHaveProperty("holder");
    const again = candidate({ waiting: decision.state });
    const later = afterBusy(again, { holder, sameWish: false }, moment({ nowMs: NOW + MINUTE }));
    expect(asNext(later, "waiting").events).toEqual([]);
    const other = { holder: shownOwner("ops/other"), sameWish: false };
    expect(asNext(afterBusy(again, other, moment()), "waiting").events).toHaveLength(1);
  });

  it.each([true, false])("is waited for with on_busy wait (equal wish: %s)", (sameWish) => {
    asNext(busy(candidate({ order: order({ onBusy: "wait" }) }), sameWish), "waiting");
  });

  it.each([true, false])("is refused with on_busy reject (equal wish: %s)", (sameWish) => {
    const decision = busy(candidate({ order: order({ onBusy: "reject" }) }), sameWish);
    const { draft, lock } = asFinal(decision, "rejected");
    expect(lock).toBe("free");
    expect(draft.data).toMatchObject({
      problems: [{ path: "server_id", code: "server-busy" }],
    });
    expect(JSON.stringify(draft.data)).toContain(LEADER);
  });

  it.each(["join", "wait", "reject"] as const)("is not waited for too late (%s)", (onBusy) => {
    asFinal(busy(candidate({ order: { ...EXPIRED, onBusy } }), true), "expired");
  });

  it.each(["join", "wait", "reject"] as const)(
    "is waited for by a command in mayHaveRun, for nothing else is true of it (%s)",
    (onBusy) => {
      const doubtful = candidate({ order: order({ onBusy }), mayHaveRun: true });
      expect(asNext(busy(doubtful, true), "waiting").state.doubt).toBe(true);
    },
  );

  it("leaves a command in doubt unresolved when its time is over", () => {
    const decision = asFinal(
      busy(candidate({ order: EXPIRED, mayHaveRun: true }), true),
      "unresolved",
    );
    expect(decision.lock).toBe("keep");
    expect(decision.draft.data).toMatchObject({ why: "store-forgot", system_disk_before: null });
  });
});

describe("the first look at a server", () => {
  it("leads to submit, at once, when it is ready", () => {
    const decision = asNext(look(candidate(), seen()), "submit");
    expect(decision).toMatchObject({ delayMs: 0, events: [], lock: "keep", intent: "keep" });
    expect(decision.state).toEqual({
      phase: "submit",
      body: BODY,
      tries: { attempt: 1, spent: 0 },
      before: { systemDiskId: DISK, volumeType: "SSD", status: "SHUTOFF", atMs: NOW },
      power: { was: "off", mayHaveStopped: false },
    });
  });

  it("leads to prepare when it runs", () => {
    const decision = asNext(look(candidate(), seen({ status: "ACTIVE" })), "prepare");
    expect(decision.delayMs).toBe(0);
    expect(decision.state).toMatchObject({
      before: { systemDiskId: DISK, status: "ACTIVE" },
      sinceMs: NOW,
    });
    expect(decision.state.stop).toBeUndefined();
  });

  it("leads to submit when it runs and the cloud does the stopping", () => {
    const rules = { ...RULES, stopBy: "cloud" } as const;
    asNext(look(candidate(), seen({ status: "ACTIVE" }), rules), "submit");
  });

  it("keeps the tries", () => {
    const tries = { attempt: 4, spent: 2 };
    expect(asNext(look(candidate({ tries }), seen()), "submit").state.tries).toEqual(tries);
  });

  it("leads to waiting when something runs on it, and remembers the disk", () => {
    const decision = asNext(look(candidate(), seen({ taskState: "rebooting" })), "waiting");
    expect(decision.state).toMatchObject({
      waitsFor: "server-unstable",
      before: { systemDiskId: DISK, atMs: NOW },
    });
    expect(decision.events[0]?.data).toMatchObject({ detail: "SHUTOFF (rebooting)" });
  });

  it("remembers no disk where there is none", () => {
    const decision = asNext(
      look(candidate(), seen({ status: "BUILD", systemDiskId: null })),
      "waiting",
    );
    expect(decision.state).not.toHaveProperty("before");
  });

  it("leads to waiting when it cannot be read", () => {
    const decision = asNext(look(candidate(), UNREADABLE), "waiting");
    expect(decision.state.waitsFor).toBe("cloud-unavailable");
    expect(decision.events[0]?.data).toMatchObject({ detail: UNREADABLE.message });
  });

  it.each([
    ["absent", ABSENT, "not-found"],
    ["refused", REFUSED, "permission"],
  ])("ends the command when it is %s", (_, seenThere, failureClass) => {
    const { draft, lock } = asFinal(look(candidate(), seenThere), "failed");
    expect(lock).toBe("free");
    expect(draft.data).toMatchObject({ class: failureClass, retryable: false });
  });

  it("ends the command when the server is unfit", () => {
    const { draft } = asFinal(look(candidate(), seen({ locked: true })), "failed");
    expect(draft.data).toMatchObject({ class: "server-locked" });
  });

  it("ends the command when the emitter saw another disk", () => {
    const pinned = candidate({ order: order({ expectedSystemDisk: NEW_DISK }) });
    const { draft } = asFinal(look(pinned, seen({ status: "ACTIVE" })), "superseded");
    expect(draft.data).toEqual({
      why: "system-disk-changed",
      expected_system_disk: NEW_DISK,
      system_disk: DISK,
    });
  });

  it("goes on when the emitter saw this disk", () => {
    asNext(look(candidate({ order: order({ expectedSystemDisk: DISK }) }), seen()), "submit");
  });

  it("ends the command when it comes too late, to the millisecond", () => {
    const { draft } = asFinal(look(candidate({ order: EXPIRED }), seen()), "expired");
    expect(draft.data).toEqual({ expires_at: "2026-11-23T15:00:00.000Z" });
    asNext(look(candidate({ order: order({ expiresAtMs: NOW + 1 }) }), seen()), "submit");
  });
});

describe("waiting", () => {
  const wait = (
    c: Candidate,
    waitsFor: Parameters<typeof waitFor>[1],
    more: Parameters<typeof waitFor>[3] = {},
    nowMs = NOW,
  ) => waitFor(c, waitsFor, moment({ nowMs }), more);
  const waited = (sinceMs: number) =>
    candidate({ waiting: state("waiting", { sinceMs, waitsFor: "pause", holder: undefined }) });

  it("is told when it begins", () => {
    const decision = asNext(wait(candidate(), "throttled", { detail: "slow down" }), "waiting");
    expect(decision.events.map((e) => e.event)).toEqual(["waiting"]);
    expect(decision.events[0]?.data).toEqual({
      waits_for: "throttled",
      detail: "slow down",
      expires_at: "2026-11-24T15:00:00.000Z",
    });
    expect(decision.state.sinceMs).toBe(NOW);
  });

  it("is not told again while it waits for the same", () => {
    const decision = asNext(wait(waited(NOW - MINUTE), "pause"), "waiting");
    expect(decision.events).toEqual([]);
    expect(decision.state.sinceMs).toBe(NOW - MINUTE);
  });

  it("is told when it waits for something else", () => {
    const decision = asNext(wait(waited(NOW - MINUTE), "throttled"), "waiting");
    expect(decision.events).toHaveLength(1);
    expect(decision.state.sinceMs).toBe(NOW);
  });

  it("is told when it waits for somebody else", () => {
    const c = candidate({ waiting: state("waiting", { sinceMs: NOW - MINUTE }) });
    expect(asNext(wait(c, "server-busy", { holder: LEADER }), "waiting").events).toEqual([]);
    const other = asNext(wait(c, "server-busy", {}), "waiting");
    expect(other.events).toHaveLength(1);
    expect(other.state).not.toHaveProperty("holder");
  });

  it.each([
    [0, 2_000],
    [45 * SECOND, 5_000],
    [3 * MINUTE, 30_000],
    // One rung below the longest, however long it takes.
    [60 * MINUTE, 30_000],
  ])("after %i ms looks again in %i ms", (age, delayMs) => {
    expect(asNext(wait(waited(NOW - age), "pause"), "waiting").delayMs).toBe(delayMs);
  });

  it.each([
    [20, 2_000],
    [300, 10_000],
    [20_000, 60_000],
  ])("as one of %i that wait looks again in %i ms", (waitingCommands, delayMs) => {
    const one = { ...waited(NOW), waitingCommands };
    expect(asNext(wait(one, "pause"), "waiting").delayMs).toBe(delayMs);
  });

  it("as one of few looks again as its wait says", () => {
    const one = { ...waited(NOW - 60 * MINUTE), waitingCommands: 20 };
    expect(asNext(wait(one, "pause"), "waiting").delayMs).toBe(30_000);
  });

  it.each([
    [1, 2_000],
    [2_000, 2_000],
    [2_001, 5_000],
    [45_000, 60_000],
    [60_000, 60_000],
    [60_001, 60_001],
    [30 * MINUTE, 30 * MINUTE],
  ])("of at least %i ms takes %i ms", (atLeastMs, delayMs) => {
    expect(asNext(wait(candidate(), "throttled", { atLeastMs }), "waiting").delayMs).toBe(delayMs);
  });

  it.each([null, 0, -5])("of at least %j ms takes the usual delay", (atLeastMs) => {
    expect(asNext(wait(candidate(), "throttled", { atLeastMs }), "waiting").delayMs).toBe(2_000);
  });

  it("is told again when its next try moves away by a class, and not at every try", () => {
    let c = candidate();
    const told: number[] = [];
    for (const atLeastMs of [5_000, 20_000, 59_000, 90_000, 5_000, 300_000, 1_800_000, 120_000]) {
      const { state: waiting, events } = asNext(wait(c, "throttled", { atLeastMs }), "waiting");
      if (events.length > 0) told.push(atLeastMs);
      c = { ...c, waiting };
    }
    // 59 s are a minute on this ladder.
    expect(told).toEqual([5_000, 59_000, 1_800_000]);
  });

  it("works on a ladder of one rung, and keeps to it", () => {
    const rules = { ...RULES, ladderMs: [7_000] };
    const decision = waitFor(waited(NOW - 60 * MINUTE), "pause", moment({ rules }));
    expect(asNext(decision, "waiting").delayMs).toBe(7_000);
  });

  it("keeps body, tries, and what the server looked like", () => {
    const tries = { attempt: 3, spent: 1 };
    const c = candidate({ tries, waiting: state("waiting", { before: BEFORE }) });
    const kept = asNext(wait(c, "pause"), "waiting").state;
    expect(kept).toMatchObject({ body: BODY, tries, before: BEFORE });
    const newer = { ...BEFORE, systemDiskId: NEW_DISK };
    expect(asNext(wait(c, "pause", { before: newer }), "waiting").state.before).toEqual(newer);
  });

  it("ends when the command is too late, and names the brake that held it", () => {
    const waitsFor = (reason: "cooldown" | "server-busy") =>
      candidate({ order: EXPIRED, waiting: state("waiting", { waitsFor: reason, sinceMs: NOW }) });
    const brakeOf = (...args: Parameters<typeof wait>) =>
      asFinal(wait(...args), "expired").draft.data["brake"];
    const said = { name: "pause", scope: "project" };
    expect(brakeOf(waitsFor("cooldown"), "pause", { data: { brake: said } })).toEqual(said);
    expect(brakeOf(waitsFor("cooldown"), "throttled")).toEqual({
      name: "cooldown",
      detail: "it held the command since 2026-11-23T15:00:00.000Z",
    });
    expect(brakeOf(waitsFor("server-busy"), "server-busy")).toBeUndefined();
    expect(brakeOf(candidate({ order: EXPIRED }), "throttled")).toBeUndefined();
    asNext(wait(candidate({ order: EXPIRED }), "pause", {}, NOW - 1), "waiting");
  });

  it("keeps a mayHaveRun, and makes none", () => {
    expect(asNext(wait(candidate({ mayHaveRun: true }), "pause"), "waiting").state.doubt).toBe(
      true,
    );
    expect(asNext(wait(candidate(), "pause"), "waiting").state).not.toHaveProperty("doubt");
  });

  it("in doubt ends unresolved when the time is over, not expired", () => {
    const c = candidate({
      order: EXPIRED,
      mayHaveRun: true,
      waiting: state("waiting", { before: BEFORE }),
    });
    const { draft, lock } = asFinal(wait(c, "pause"), "unresolved");
    expect(lock).toBe("keep");
    expect(draft.data).toMatchObject({ system_disk_before: DISK, why: "store-forgot" });
  });

  it("in doubt goes on past its time while the store is about to give locks again", () => {
    asNext(wait(candidate({ order: EXPIRED, mayHaveRun: true }), "store-rebuilding"), "waiting");
    asFinal(wait(candidate({ order: EXPIRED }), "store-rebuilding"), "expired");
  });
});

describe("a command in doubt that has the lock", () => {
  const doubt = (c: Candidate) => asNext(towardsProof(c, moment()), "reconcile");

  it("looks for proof, behind a fence as if it had been sent just now", () => {
    const decision = doubt(candidate());
    expect(decision).toMatchObject({ delayMs: 2_000, events: [], intent: "keep", lock: "keep" });
    expect(decision.state).toEqual({
      phase: "reconcile",
      body: BODY,
      tries: { attempt: 1, spent: 0 },
      fenceAtMs: NOW + 18 * MINUTE,
      deadlineMs: NOW + 45 * MINUTE,
      sinceMs: NOW,
      why: "store-forgot",
    });
  });

  it("compares with the disk that it saw while it waited", () => {
    const waiting = state("waiting", { before: BEFORE });
    const c = candidate({ waiting, order: order({ expectedSystemDisk: NEW_DISK }) });
    expect(doubt(c).state.before).toEqual(BEFORE);
  });

  it("else with the disk that its emitter saw", () => {
    const c = candidate({ order: order({ expectedSystemDisk: NEW_DISK, receivedAtMs: NOW - 5 }) });
    expect(doubt(c).state.before).toEqual({
      systemDiskId: NEW_DISK,
      status: "unknown",
      atMs: NOW - 5,
    });
  });
});

describe("what a server was before", () => {
  it("is its disk, volume type and state", () => {
    expect(beforeOf(server({ taskState: "powering-off" }), NOW)).toEqual({
      systemDiskId: DISK,
      volumeType: "SSD",
      status: "SHUTOFF (powering-off)",
      atMs: NOW,
    });
    expect(beforeOf(server({ volumeType: null }), NOW)).not.toHaveProperty("volumeType");
  });

  it("is nothing without a system disk, and then nothing is done to it", () => {
    const view = server({ systemDiskId: null });
    const tries = { attempt: 1, spent: 0 };
    expect(beforeOf(view, NOW)).toBeUndefined();
    expect(() => towardsSubmit({ body: BODY, tries }, view, moment())).toThrow(
      "without a system disk",
    );
    expect(() => towardsPrepare({ body: BODY, tries }, view, moment())).toThrow(
      "without a system disk",
    );
  });
});

describe("another disk than expected", () => {
  it.each([
    ["nothing was expected", undefined, DISK, false],
    ["it is the same", DISK, DISK, false],
    ["none is attached now", DISK, null, false],
    ["it is another", DISK, NEW_DISK, true],
  ])("is seen only where it is one: %s", (_, expectedDisk, systemDiskId, mismatch) => {
    expect(diskMismatch(expectedDisk, server({ systemDiskId })) !== null).toBe(mismatch);
  });
});

it("nothing done is told with its reason", () => {
  expect(superseded("healed-since", { healed_at: "x" })).toEqual({
    event: "superseded",
    data: { why: "healed-since", healed_at: "x" },
  });
  expect(asFinal(expired(order()), "expired")).toMatchObject({
    lock: "free",
    healedAtMs: null,
    sample: null,
  });
  expect(asFinal(cancelled({}), "cancelled").draft.data).toEqual({
    why: "cancelled by an operator",
  });
});
