import { describe, expect, it } from "vitest";
import { afterReconcileLook } from "../../../../src/core/decisions/decide-reconcile.ts";
import { unresolved } from "../../../../src/core/endings.ts";
import type { Trust } from "../../../../src/core/server/observations.ts";
import type { Look } from "../../../../src/core/server/observations.ts";
import { quietMs, type Rules } from "../../../../src/core/rules.ts";
import type { In } from "../../../../src/core/state/state.ts";
import {
  ABSENT,
  asFinal,
  asNext,
  DISK,
  JOB,
  MINUTE,
  moment,
  NEW_DISK,
  NOW,
  order,
  REFUSED,
  RULES,
  seen,
  state,
  UNASKED,
  UNREADABLE,
} from "../builders.ts";

/** The POST was signed at NOW: dead after 18 minutes, proof after 6 quiet ones more. */
const FENCE = NOW + 18 * MINUTE;
const PROOF = FENCE + 6 * MINUTE;
const DEADLINE = NOW + 45 * MINUTE;

interface Given {
  readonly at?: number;
  readonly trust?: Trust;
  readonly lock?: "held" | "lost" | "none";
  readonly changed?: Partial<In<"reconcile">>;
  readonly rules?: Partial<Rules>;
  readonly expiresAtMs?: number;
}

function after(look: Look, given: Given = {}) {
  const { at = PROOF, trust = "trusted", lock = "held", changed = {}, rules = {} } = given;
  return afterReconcileLook(
    order({ expiresAtMs: given.expiresAtMs ?? NOW + 60 * MINUTE }),
    state("reconcile", changed),
    { look, trust, lock },
    moment({ nowMs: at, rules: { ...RULES, ...rules } }),
  );
}

const ACCEPTED = { accepted: { jobId: JOB, atMs: NOW } };

it("the quiet time after the fence is a third of it: 6 minutes of 18", () => {
  expect(quietMs(RULES)).toBe(6 * MINUTE);
});

it("a look that was not made for want of a call ends nothing, whenever that is", () => {
  asNext(after(UNASKED, { at: DEADLINE + MINUTE }), "reconcile");
  asFinal(after(UNREADABLE, { at: DEADLINE + MINUTE }), "unresolved");
});

describe("a replaced disk", () => {
  it.each([NOW, FENCE - 1])(
    "ends nothing while another command may have done it and ours may still arrive (%i)",
    (at) => {
      const look = seen({ systemDiskId: NEW_DISK });
      asNext(after(look, { at, lock: "lost" }), "reconcile");
      asNext(after(look, { at, lock: "none" }), "reconcile");
      asNext(after(look, { at, changed: { why: "store-forgot" } }), "reconcile");
    },
  );

  it("does not wait for what cannot arrive: an accepted request, or one that never dies", () => {
    const look = seen({ systemDiskId: NEW_DISK });
    asFinal(after(look, { at: NOW, changed: ACCEPTED }), "succeeded");
    asFinal(after(look, { at: NOW, changed: { fenceAtMs: null } }), "succeeded");
  });

  it.each([NOW, FENCE - 1, FENCE, DEADLINE + 1])(
    "is a success while we have the lock (%i)",
    (at) => {
      const look = seen({ systemDiskId: NEW_DISK });
      const { draft, lock, healedAtMs, sample } = asFinal(after(look, { at }), "succeeded");
      expect(draft.data).toEqual({
        job_id: null,
        duration_seconds: null,
        verified: true,
        evidence: "system-disk-replaced",
      });
      expect({ lock, healedAtMs }).toEqual({ lock: "free", healedAtMs: at });
      // What is concluded from the evidence must not feed it.
      expect(sample).toBeNull();
    },
  );

  it.each(["untested", "contradicted"] as const)("is one whatever the trust (%s)", (trust) => {
    asFinal(after(seen({ systemDiskId: NEW_DISK }), { trust }), "succeeded");
  });

  it("is one of a running server too, whatever the lock", () => {
    asFinal(
      after(seen({ status: "ACTIVE", systemDiskId: NEW_DISK }), { lock: "lost" }),
      "succeeded",
    );
  });

  it("names the job that vanished", () => {
    const look = seen({ systemDiskId: NEW_DISK });
    expect(asFinal(after(look, { changed: ACCEPTED }), "succeeded").draft.data).toMatchObject({
      job_id: JOB,
    });
  });

  it("keeps the lock for the settling time where there is one", () => {
    const look = seen({ systemDiskId: NEW_DISK });
    const decision = asNext(after(look, { rules: { settleMs: MINUTE } }), "settle");
    expect(decision.state).toMatchObject({ untilMs: PROOF + MINUTE, success: { disk: "unseen" } });
  });

  it("is not seen while something runs", () => {
    asNext(after(seen({ systemDiskId: NEW_DISK, taskState: "rebuilding" })), "reconcile");
    asNext(after(seen({ systemDiskId: NEW_DISK, status: "REBUILD" })), "reconcile");
  });

  it("cannot be told where the disk before is not known", () => {
    asNext(
      after(seen({ systemDiskId: NEW_DISK }), { changed: { before: undefined } }),
      "reconcile",
    );
    const decision = after(seen(), { changed: { before: undefined }, at: DEADLINE });
    expect(asFinal(decision, "unresolved").draft.data).toMatchObject({
      system_disk_before: null,
      seen: "SHUTOFF; the disk before is not known",
    });
  });
});

describe("the same disk on an idle server", () => {
  it("proves nothing before the fence, nor in the quiet time after it", () => {
    for (const at of [NOW, FENCE - 1, FENCE, PROOF - 1]) {
      asNext(after(seen(), { at }), "reconcile");
    }
  });

  it("is proof from then on: the next attempt, with its body", () => {
    const decision = asNext(after(seen()), "submit");
    expect(decision).toMatchObject({ intent: "clear", lock: "keep", delayMs: 0 });
    expect(decision.state).toMatchObject({
      tries: { attempt: 2, spent: 1 },
      before: { systemDiskId: DISK, atMs: PROOF },
    });
  });

  it("is judged by the earlier of both clocks", () => {
    const slow = seen({ cloudTimeMs: PROOF - 1 });
    asNext(after(slow, { at: PROOF + MINUTE }), "reconcile");
    const fast = seen({ cloudTimeMs: PROOF + MINUTE });
    asNext(after(fast, { at: PROOF - 1 }), "reconcile");
    asNext(after(seen({ cloudTimeMs: PROOF })), "submit");
  });

  it.each(["untested", "contradicted"] as const)("proves nothing where it is %s", (trust) => {
    asNext(after(seen(), { trust }), "reconcile");
    const late = asFinal(after(seen(), { trust, at: DEADLINE }), "unresolved");
    expect(late.lock).toBe("keep");
    expect(late.draft.data).toMatchObject({
      disk_evidence: trust,
      why: "no-answer",
      seen: "SHUTOFF with the same system disk",
      system_disk_before: DISK,
    });
  });

  it("proves nothing of a request that never dies", () => {
    asNext(after(seen(), { changed: { fenceAtMs: null } }), "reconcile");
    asFinal(after(seen(), { changed: { fenceAtMs: null }, at: DEADLINE }), "unresolved");
  });

  it("proves nothing of a request that was accepted: it is never sent again", () => {
    asNext(after(seen(), { changed: ACCEPTED }), "reconcile");
    const { draft } = asFinal(after(seen(), { changed: ACCEPTED, at: DEADLINE }), "unresolved");
    expect(draft.data).toMatchObject({ job_id: JOB });
  });

  it("is proof at the deadline too", () => {
    asNext(after(seen(), { at: DEADLINE }), "submit");
  });

  it("leads to prepare when the server runs again", () => {
    const decision = asNext(after(seen({ status: "ACTIVE" })), "prepare");
    expect(decision.intent).toBe("clear");
    expect(decision.state.tries.attempt).toBe(2);
    const cloud = after(seen({ status: "ACTIVE" }), { rules: { stopBy: "cloud" } });
    expect(asNext(cloud, "submit").intent).toBe("clear");
  });

  it.each<[string, Given]>([
    ["the budget is spent", { changed: { tries: { attempt: 5, spent: 3 } } }],
    ["the body is gone", { changed: { body: undefined } }],
    ["the lock was lost", { lock: "lost" }],
    ["there is no lock", { lock: "none" }],
    ["it is too late", { expiresAtMs: PROOF }],
  ])("ends the command as not executed when %s", (_, given) => {
    const { draft, lock } = asFinal(after(seen(), given), "failed");
    expect(lock).toBe("free");
    expect(draft.data).toMatchObject({ class: "not-executed", retryable: true });
  });

  it("is sent again as long as the budget allows", () => {
    asNext(after(seen(), { changed: { tries: { attempt: 9, spent: 2 } } }), "submit");
  });

  it("ends the command when the server has become unfit", () => {
    expect(asFinal(after(seen({ locked: true })), "failed").draft.data).toMatchObject({
      class: "server-locked",
    });
    const unasked = { rules: { stopRunning: "when-asked" } } as const;
    asFinal(after(seen({ status: "ACTIVE" }), unasked), "rejected");
  });
});

describe("a server that shows something else", () => {
  it.each([
    ["a task", seen({ taskState: "rebuilding" })],
    ["a status that passes", seen({ status: "REBUILD" })],
    ["a status that nobody has described", seen({ status: "REINSTALLING" })],
    ["the same in other letters", seen({ status: "rebuild" })],
    ["a task and no disk", seen({ systemDiskId: null, taskState: "rebuilding" })],
    ["nothing readable", UNREADABLE],
    ["nothing to us", REFUSED],
  ])("is looked at again up to the deadline: %s", (_, look) => {
    const decision = asNext(after(look, { at: DEADLINE - 1 }), "reconcile");
    expect(decision).toMatchObject({ delayMs: 60_000, events: [], intent: "keep", lock: "keep" });
    expect(decision.state).toEqual(state("reconcile"));
    const { lock, draft } = asFinal(after(look, { at: DEADLINE }), "unresolved");
    expect(lock).toBe("keep");
    expect(draft.data["next_step"]).toMatch(/\w/);
  });

  it.each([
    ["ERROR", seen({ status: "ERROR", faultMessage: "No valid host" }), "ERROR: No valid host"],
    ["ERROR without a word", seen({ status: "ERROR" }), "the server is in ERROR"],
    ["no disk", seen({ systemDiskId: null }), "without a system disk"],
  ])("is left for a person once the request is dead: %s", (_, look, words) => {
    asNext(after(look, { at: FENCE - 1 }), "reconcile");
    const { draft, lock } = asFinal(after(look, { at: FENCE }), "failed");
    expect(lock).toBe("free");
    expect(draft.data).toMatchObject({ class: "server-broken", retryable: false });
    expect(draft.data["message"]).toContain(words);
  });

  it("is broken, but not freed, while the request cannot die", () => {
    const forEver = { changed: { fenceAtMs: null }, at: DEADLINE };
    asFinal(after(seen({ status: "ERROR" }), forEver), "unresolved");
  });

  it("is gone for good when it is absent", () => {
    expect(asFinal(after(ABSENT, { at: NOW }), "failed").draft.data).toMatchObject({
      class: "not-found",
    });
  });
});

it("an outcome that nobody can know says what was seen, why, and what to compare", () => {
  const watching = asFinal(unresolved(order(), state("watch"), "nothing", null), "unresolved");
  expect(watching.lock).toBe("keep");
  expect(watching.draft.data).toMatchObject({
    seen: "nothing",
    why: "deadline",
    job_id: JOB,
    system_disk_before: DISK,
    next_step: expect.stringContaining(
      `ecs-reinstall resolve ${order().commandId} --project ${order().projectId} --as reinstalled --reason …,`,
    ),
  });
  expect(watching.draft.data).not.toHaveProperty("disk_evidence");
  const doubting = asFinal(
    unresolved(order(), state("reconcile"), "nothing", "untested"),
    "unresolved",
  );
  expect(doubting.draft.data).toMatchObject({ why: "no-answer", disk_evidence: "untested" });
  expect(doubting.draft.data).not.toHaveProperty("job_id");
});

it("looks no sooner than the cloud asked", () => {
  const asked = { ...UNREADABLE, retryAfterMs: 5 * MINUTE } as const;
  expect(asNext(after(asked, { at: NOW + MINUTE }), "reconcile").delayMs).toBe(5 * MINUTE);
  expect(asNext(after(UNREADABLE, { at: NOW + MINUTE }), "reconcile").delayMs).toBe(10_000);
});

describe("a server that was in ERROR before", () => {
  const error = (changed = {}) => seen({ status: "ERROR", ...changed });
  const before = { systemDiskId: DISK, status: "ERROR", atMs: NOW };

  it("is proven untouched like any other: the next attempt", () => {
    const decision = asNext(after(error(), { changed: { before } }), "submit");
    expect(decision).toMatchObject({ intent: "clear", state: { tries: { attempt: 2 } } });
  });

  it.each<[string, Given]>([
    ["while its request may arrive", { at: FENCE - 1 }],
    ["before it was quiet for long", { at: PROOF - 1 }],
    ["where the disk proves nothing", { trust: "untested" }],
  ])("is looked at further %s", (_when, given) => {
    asNext(after(error(), { ...given, changed: { before } }), "reconcile");
  });

  it("is not known to have failed at the deadline", () => {
    const given: Given = { at: DEADLINE, trust: "untested", changed: { before } };
    asFinal(after(error(), given), "unresolved");
  });

  it("is not executed, and may be tried by another command, when no attempt is left", () => {
    const tries = { attempt: 3, spent: 3 };
    const decision = asFinal(after(error(), { changed: { before, tries } }), "failed");
    expect(decision.draft.data).toMatchObject({ class: "not-executed", retryable: true });
  });

  it.each<[string, Look, Partial<In<"reconcile">>]>([
    ["without a disk", error({ systemDiskId: null }), { before }],
    ["with another disk", error({ systemDiskId: NEW_DISK }), { before }],
    ["after a job that the cloud had accepted", error(), { before, ...ACCEPTED }],
    ["but was not before", error(), {}],
  ])("is broken %s", (_how, look, changed) => {
    const { data } = asFinal(after(look, { changed }), "failed").draft;
    expect(data).toMatchObject({ class: "server-broken" });
  });
});
