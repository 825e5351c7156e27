import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FINAL_EVENTS } from "../../../../src/contract/event.ts";
import { DiskId } from "../../../../src/contract/ids.ts";
import { heldBy } from "../../../../src/core/brakes/gate.ts";
import { afterAdmissionLook, afterBusy } from "../../../../src/core/decisions/decide-admission.ts";
import { cancelled, expired, superseded } from "../../../../src/core/endings.ts";
import { towardsProof } from "../../../../src/core/towards.ts";
import { waitFor } from "../../../../src/core/waiting/waiting.ts";
import { afterInquiryLook } from "../../../../src/core/decisions/decide-inquiry.ts";
import { afterLeaderLook } from "../../../../src/core/decisions/decide-joined.ts";
import { afterPrepareLook, afterStop } from "../../../../src/core/decisions/decide-prepare.ts";
import { afterReconcileLook } from "../../../../src/core/decisions/decide-reconcile.ts";
import { afterRestoreLook, afterStart } from "../../../../src/core/decisions/decide-restore.ts";
import { leaveAsFound } from "../../../../src/core/decisions/leave-as-found.ts";
import { afterReadyAnswer, afterReadyLook } from "../../../../src/core/decisions/decide-ready.ts";
import { afterPoll } from "../../../../src/core/decisions/decide-watch.ts";
import { type Decision, final } from "../../../../src/core/decision.ts";
import { SEQUENCE_BLOCK } from "../../../../src/core/state/envelope.ts";
import type {
  JobLook,
  Look,
  ReadyAnswer,
  StopOutcome,
  Submission,
} from "../../../../src/core/server/observations.ts";
import { plannedFrom } from "../../../../src/core/decisions/plan.ts";
import type { Rules } from "../../../../src/core/rules.ts";
import type { In, Phase } from "../../../../src/core/state/state.ts";
import { TRANSITIONS } from "../../../../src/core/state/transitions.ts";
import { afterSubmission, lastLook } from "../../../../src/core/decisions/decide-submit.ts";
import { afterSettling, succeed } from "../../../../src/core/decisions/success.ts";
import { giveUp } from "../../../../src/steps/give-up.ts";
import { claimed } from "../../steps/fakes.ts";
import {
  ABSENT,
  BEFORE,
  BODY,
  candidate,
  DISK,
  envelope,
  finalEvent,
  HOUR,
  JOB,
  LEADER,
  MINUTE,
  moment,
  nameOf,
  NEW_DISK,
  NOW,
  order,
  PROTECTED,
  QUARANTINED,
  refusal,
  REFUSED,
  RULES,
  RUNNING,
  seen,
  server,
  SERVER,
  STOPPED,
  state,
  STATES,
  UNREADABLE,
} from "../builders.ts";

type From = keyof typeof TRANSITIONS;
type To<F extends From> = (typeof TRANSITIONS)[F][number];

const FREE = { lock: { kind: "acquired" }, verdicts: [] } as const;
const LATE = order({ expiresAtMs: NOW });
const REJECT = order({ onBusy: "reject" });
const WHEN_ASKED: Rules = { ...RULES, stopRunning: "when-asked" };
const DEADLINE = NOW + 45 * MINUTE;
const PROOF = NOW + 24 * MINUTE;
const ACTIVE = seen({ status: "ACTIVE" });
const OTHER_DISK = seen({ systemDiskId: NEW_DISK });
const BUSY = seen({ taskState: "rebooting" });
const waiting = (changed: Parameters<typeof candidate>[0] = {}) =>
  candidate({ waiting: STATES.waiting, ...changed });

const admission = (c: ReturnType<typeof candidate>, look: Look, rules = RULES) =>
  afterAdmissionLook(c, look, moment({ rules }));
const busy = (c: ReturnType<typeof candidate>, sameWish = true) =>
  afterBusy(c, { holder: LEADER, sameWish }, moment());
const lookToPrepare = (look: Look, o = order(), cancel = false) =>
  afterPrepareLook(
    o,
    STATES.prepare,
    { look, cancelRequest: cancel ? {} : null },
    moment(),
  ) as Decision;
const toLine = (look: Look, o = order(), cancel = false, rules = RULES) =>
  lastLook(
    o,
    STATES.submit,
    { look, cancelRequest: cancel ? {} : null },
    moment({ rules }),
  ) as Decision;
const posted = (outcome: Submission) =>
  afterSubmission(order(), STATES.submit, { outcome, signedAtMs: NOW }, moment());
const reconciled = (look: Look, at = PROOF, rules = RULES) =>
  afterReconcileLook(
    order(),
    STATES.reconcile,
    { look, trust: "trusted", lock: "held" },
    moment({ nowMs: at, rules }),
  );
const polled = (job: JobLook, look: Look | null = null, at = NOW, rules = RULES) =>
  afterPoll(order(), STATES.watch, { job, look }, moment({ nowMs: at, rules }));
/** What a turn of an inquiry comes to, as a decision: settled, or another look; one that gave up would throw. */
const inquired = (current: In<"inquiry">, look: Look, job: JobLook | null = null): Decision => {
  const seen = { job, look, trust: "trusted" as const, young: false };
  const turn = afterInquiryLook(order(), current, seen, moment());
  if (turn.kind === "look-again") return turn.decision;
  if (turn.kind === "settled") return SETTLED;
  throw new Error("given up");
};
const SETTLED = {
  ...final({ event: "unresolved", data: {} }),
  draft: { event: "settled" as never, data: {} },
};
const LEADER_LOOK = {
  rebuilding: false,
  cancelRequest: null,
  mayHaveRun: false,
};
const joined = (event: string, of = order()) => {
  const leader = {
    kind: "finished",
    event: finalEvent(event),
    holdsLock: true,
    settled: null,
  } as const;
  const current = { ...STATES.joined, body: BODY };
  return afterLeaderLook(of, current, { ...LEADER_LOOK, leader }, moment());
};
const UNHEARD_OF = { kind: "unheard-of" } as const;
const SUCCESS: JobLook = { kind: "succeeded", endedAtMs: null };
const SETTLING: Rules = { ...RULES, settleMs: MINUTE };
const ASKING: Rules = { ...RULES, readyTimeoutMs: MINUTE };

const PLACE = { ...STATES.waiting, body: undefined, phase: undefined };

/** Started first: what the phase would have come to, of a server that we may have stopped. */
const restoredFirst = (phase: Phase, decision: Decision = cancelled({})) =>
  leaveAsFound(STATES[phase], STOPPED, decision, moment());
const restore = (changed: Partial<In<"restore">>, look: Look, now = moment()) => {
  const turn = afterRestoreLook(
    { ...STATES.restore, ...changed },
    { look, stopJob: SUCCESS, startJob: null },
    now,
  );
  if (turn.kind === "start")
    return afterStart(STATES.restore, { kind: "accepted", jobId: JOB }, now);
  if (turn.kind === "ask-stop-job") throw new Error("the job was asked");
  return turn;
};
const ending = (event: (typeof FINAL_EVENTS)[number]) =>
  restore({ after: { kind: "end", ending: { event, data: {} } } }, ACTIVE);

/** A witness for every cell: the compiler asks for each one that the table has, and for no other. */
const CELLS: { readonly [F in From]: { readonly [T in To<F>]: () => Decision } } = {
  admit: {
    restore: () => restoredFirst("waiting"),
    prepare: () => admission(candidate(), ACTIVE),
    submit: () => admission(candidate(), seen()),
    joined: () => busy(candidate()),
    waiting: () => admission(candidate(), BUSY),
    reconcile: () => towardsProof(candidate(), moment()),
    failed: () => admission(candidate(), ABSENT),
    unresolved: () => busy(candidate({ order: LATE, mayHaveRun: true })),
    rejected: () => busy(candidate({ order: REJECT })),
    quarantined: () => heldBy(candidate(), QUARANTINED, moment()),
    superseded: () =>
      admission(candidate({ order: order({ expectedSystemDisk: DISK }) }), OTHER_DISK),
    expired: () => admission(candidate({ order: LATE }), seen()),
    planned: () => plannedFrom(candidate(), FREE, { look: seen(), image: null }, moment()),
  },
  waiting: {
    restore: () => restoredFirst("waiting"),
    waiting: () => busy(waiting(), false),
    joined: () => busy(waiting()),
    prepare: () => admission(waiting(), ACTIVE),
    submit: () => admission(waiting(), seen()),
    reconcile: () => towardsProof(waiting(), moment()),
    failed: () => admission(waiting(), REFUSED),
    unresolved: () => waitFor(waiting({ order: LATE, mayHaveRun: true }), "pause", moment()),
    rejected: () => admission(waiting(), ACTIVE, WHEN_ASKED),
    quarantined: () => heldBy(waiting(), QUARANTINED, moment()),
    superseded: () => final(superseded("healed-since", {})),
    expired: () => expired(order()),
    cancelled: () => cancelled({}),
  },
  joined: {
    joined: () => joined("unresolved"),
    waiting: () => joined("cancelled"),
    succeeded: () => joined("succeeded"),
    failed: () => joined("failed"),
    unresolved: () =>
      afterLeaderLook(order(), STATES.joined, { ...LEADER_LOOK, leader: UNHEARD_OF }, moment()),
    expired: () => joined("superseded", LATE),
    cancelled: () => {
      const look = { ...LEADER_LOOK, leader: UNHEARD_OF, cancelRequest: {} };
      return afterLeaderLook(order(), STATES.joined, look, moment());
    },
  },
  prepare: {
    restore: () => restoredFirst("prepare"),
    prepare: () => lookToPrepare(BUSY),
    submit: () => lookToPrepare(seen()),
    // As the step does when the lock is lost, and when the store has forgotten.
    waiting: () => waitFor(candidate(), "store-rebuilding", moment(), { before: BEFORE }),
    reconcile: () => towardsProof(waiting(), moment()),
    failed: () => lookToPrepare(ABSENT),
    unresolved: () => waitFor(candidate({ order: LATE, mayHaveRun: true }), "pause", moment()),
    rejected: () => heldBy(candidate(), PROTECTED, moment(), BEFORE),
    superseded: () => lookToPrepare(OTHER_DISK),
    expired: () => lookToPrepare(seen(), LATE),
    cancelled: () => lookToPrepare(seen(), order(), true),
  },
  submit: {
    submit: () => restoredFirst("submit", posted({ ...UNREADABLE, kind: "not-sent" })),
    restore: () => restoredFirst("submit"),
    watch: () => posted({ kind: "accepted", jobId: JOB }),
    reconcile: () => posted({ kind: "unknown", message: "reset" }),
    waiting: () => posted({ ...UNREADABLE, kind: "not-sent" }),
    failed: () => posted({ kind: "refused", refusal: refusal() }),
    rejected: () => toLine(ACTIVE, order(), false, WHEN_ASKED),
    superseded: () => toLine(OTHER_DISK),
    expired: () => toLine(seen(), LATE),
    cancelled: () => toLine(seen(), order(), true),
  },
  reconcile: {
    restore: () => restoredFirst("reconcile"),
    reconcile: () => reconciled(seen(), NOW),
    prepare: () => reconciled(ACTIVE),
    submit: () => reconciled(seen()),
    settle: () => reconciled(OTHER_DISK, PROOF, SETTLING),
    ready: () => reconciled(OTHER_DISK, PROOF, ASKING),
    succeeded: () => reconciled(OTHER_DISK),
    failed: () => reconciled(ABSENT, NOW),
    unresolved: () => reconciled(UNREADABLE, DEADLINE),
    rejected: () => reconciled(ACTIVE, PROOF, WHEN_ASKED),
  },
  watch: {
    restore: () =>
      succeed(
        { ...STATES.settle.success, jobId: JOB },
        { power: STOPPED, server: server() },
        moment(),
      ),
    watch: () => polled(RUNNING),
    settle: () => polled(SUCCESS, OTHER_DISK, NOW, SETTLING),
    ready: () => polled(SUCCESS, OTHER_DISK, NOW, ASKING),
    reconcile: () => polled({ kind: "foreign", serverId: SERVER, by: "job" }),
    succeeded: () => polled(SUCCESS, OTHER_DISK),
    failed: () => polled({ kind: "failed", cloudCode: "Ecs.0202", message: "no disk" }),
    unresolved: () => polled(RUNNING, UNREADABLE, DEADLINE),
  },
  settle: {
    settle: () => afterSettling(STATES.settle, moment()),
    ready: () => afterSettling(STATES.settle, moment({ nowMs: NOW + MINUTE, rules: ASKING })),
    succeeded: () => afterSettling(STATES.settle, moment({ nowMs: NOW + MINUTE })),
  },
  ready: {
    ready: () => afterReadyAnswer(STATES.ready, { kind: "silent", detail: "refused" }, moment()),
    succeeded: () => afterReadyAnswer(STATES.ready, { kind: "answered" }, moment()),
  },
  restore: {
    restore: () => restore({}, seen()),
    waiting: () => {
      return restore({ body: BODY, after: { kind: "wait", place: PLACE } }, ACTIVE);
    },
    settle: () =>
      restore(
        { after: { kind: "succeed", success: STATES.settle.success } },
        ACTIVE,
        moment({ rules: SETTLING }),
      ),
    ready: () =>
      restore(
        { after: { kind: "succeed", success: STATES.settle.success } },
        ACTIVE,
        moment({ rules: ASKING }),
      ),
    succeeded: () =>
      restore({ after: { kind: "succeed", success: STATES.settle.success } }, ACTIVE),
    failed: () => ending("failed"),
    rejected: () => ending("rejected"),
    quarantined: () => ending("quarantined"),
    superseded: () => ending("superseded"),
    expired: () => ending("expired"),
    cancelled: () => ending("cancelled"),
  },
  inquiry: {
    inquiry: () => inquired(STATES.inquiry, BUSY),
    settled: () => inquired(STATES.inquiry, OTHER_DISK),
  },
};

describe.each(Object.entries(CELLS))("%s", (_, cells) => {
  it.each(Object.entries(cells))("can lead to %s", (to, decide) => {
    expect(nameOf(decide())).toBe(to);
  });
});

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const instant = fc.integer({ min: NOW - HOUR, max: NOW + 3 * HOUR });
const anyOrder = fc
  .record(
    {
      onBusy: fc.constantFrom("join" as const, "wait" as const, "reject" as const),
      expectedSystemDisk: fc.constantFrom(DISK, NEW_DISK),
      expiresAtMs: instant,
    },
    { requiredKeys: ["onBusy", "expiresAtMs"] },
  )
  .map((changed) => order(changed));
const anyRules: fc.Arbitrary<Rules> = fc
  .record({
    settleMs: fc.constantFrom(0, MINUTE),
    readyTimeoutMs: fc.constantFrom(null, MINUTE),
    maxSubmissions: fc.integer({ min: 1, max: 3 }),
    stopRunning: fc.constantFrom("always" as const, "when-asked" as const),
    stopBy: fc.constantFrom("worker" as const, "cloud" as const),
    postFenceMs: fc.integer({ min: 1, max: HOUR }),
    jobDeadlineMs: fc.integer({ min: 1, max: HOUR }),
  })
  .map((changed) => ({ ...RULES, ...changed }));
const anyReadyAnswer = fc.constantFrom<ReadyAnswer>(
  { kind: "answered" },
  { kind: "silent", detail: "refused" },
  { kind: "unasked" },
);
const anyMoment = fc.record({ nowMs: instant, rules: anyRules, random: chance });
const anyWait = fc.option(fc.integer({ min: 0, max: HOUR }), { nil: null });
const anyUnreadable = fc
  .record({
    waitsFor: fc.constantFrom("throttled" as const, "cloud-unavailable" as const),
    retryAfterMs: anyWait,
  })
  .map((changed) => ({ ...UNREADABLE, ...changed }));
const anyLook: fc.Arbitrary<Look> = fc.oneof(
  fc.constantFrom<Look>(ABSENT, REFUSED),
  anyUnreadable,
  fc
    .record({
      status: fc.constantFrom("ACTIVE", "SHUTOFF", "ERROR", "REBUILD", "PAUSED", "UNKNOWN"),
      taskState: fc.constantFrom(null, null, null, "powering-off"),
      systemDiskId: fc.constantFrom(DISK, DISK, NEW_DISK, null),
      volumeType: fc.constantFrom("SSD", null),
      locked: fc.constantFrom(false, false, false, true),
      frozen: fc.constantFrom(false, false, false, true),
      cloudTimeMs: fc.option(instant, { nil: null }),
    })
    .map((changed) => seen(changed)),
);
const anyJob: fc.Arbitrary<JobLook> = fc.oneof(
  anyUnreadable,
  fc.constantFrom<JobLook>(
    RUNNING,
    { kind: "missing", cloudCode: "Common.0011" },
    { kind: "foreign", serverId: SERVER, by: "job" },
    { kind: "failed", cloudCode: "Ecs.0202", message: "no disk" },
  ),
  fc.option(instant, { nil: null }).map((endedAtMs) => ({ kind: "succeeded" as const, endedAtMs })),
);
const anyRefusal = fc.boolean().map((retryable) => refusal({ retryable }));
const anyStop: fc.Arbitrary<StopOutcome> = fc.oneof(
  fc.constantFrom(JOB, null).map((jobId) => ({ kind: "accepted" as const, jobId })),
  anyRefusal.map((no) => ({ kind: "refused" as const, refusal: no })),
  anyUnreadable,
);
const anySubmission: fc.Arbitrary<Submission> = fc.oneof(
  fc.constantFrom<Submission>(
    { kind: "accepted", jobId: JOB },
    { kind: "unknown", message: "reset" },
  ),
  anyRefusal.map((no) => ({ kind: "refused" as const, refusal: no })),
  anyUnreadable.map((it) => ({ ...it, kind: "not-sent" as const })),
  fc.record({
    kind: fc.constant("later" as const),
    waitsFor: fc.constantFrom("server-unstable" as const, "throttled" as const),
    refusal: anyRefusal,
    retryAfterMs: anyWait,
  }),
);
const anyTries = fc.record({
  attempt: fc.integer({ min: 1, max: 9 }),
  spent: fc.integer({ min: 0, max: 4 }),
});
const anyBody = fc.constantFrom(BODY, { ...BODY, mode: "withStopServer" as const });
const anyBefore = fc.constantFrom(BEFORE, { ...BEFORE, systemDiskId: DiskId.parse("third") });
const anyWaiting = fc
  .record(
    {
      sinceMs: instant,
      before: anyBefore,
      waitsFor: fc.constantFrom("pause" as const, "server-busy" as const),
    },
    { requiredKeys: ["sinceMs", "waitsFor"] },
  )
  .map((changed) => state("waiting", changed));
const anyCandidate = fc.record({
  order: anyOrder,
  body: anyBody,
  tries: anyTries,
  mayHaveRun: fc.boolean(),
});
const anyReconcile = fc
  .record(
    {
      body: fc.constantFrom(BODY, undefined),
      tries: anyTries,
      before: fc.constantFrom(BEFORE, undefined),
      fenceAtMs: fc.option(instant, { nil: null }),
      deadlineMs: instant,
      accepted: fc.constantFrom({ jobId: JOB, atMs: NOW }, undefined),
    },
    { requiredKeys: [] },
  )
  .map((changed) => state("reconcile", changed));
const anyWatch = fc
  .record({
    tries: anyTries,
    acceptedAtMs: instant,
    deadlineMs: instant,
    announced: fc.boolean(),
    successes: fc.integer({ min: 0, max: 4 }),
    missing: fc.integer({ min: 0, max: 4 }),
  })
  .map((changed) => state("watch", changed));
const anyPrepare = fc
  .record(
    {
      sinceMs: instant,
      stop: fc.record({
        type: fc.constantFrom("SOFT" as const, "HARD" as const),
        askedAtMs: instant,
      }),
    },
    { requiredKeys: ["sinceMs"] },
  )
  .map((changed) => state("prepare", changed));

const anyRestore = fc
  .record(
    {
      sinceMs: instant,
      startableSinceMs: instant,
      seenOff: fc.nat(3),
      start: fc.record({ askedAtMs: instant }),
      body: fc.constant(BODY),
      power: fc.constantFrom(STOPPED, { was: "on" as const, mayHaveStopped: true }),
      after: fc.oneof(
        fc
          .constantFrom("cancelled" as const, "failed" as const, "expired" as const)
          .map((event) => ({
            kind: "end" as const,
            ending: { event, data: {} },
          })),
        fc.constantFrom(
          { kind: "wait" as const, place: PLACE },
          { kind: "succeed" as const, success: STATES.settle.success },
        ),
      ),
    },
    { requiredKeys: ["sinceMs", "power", "after"] },
  )
  .map((changed) => state("restore", changed));

/** A decision function with any arguments at all, and the phase it decides for. */
const anyCancel = fc.constantFrom({}, null);

const ANY: { readonly [F in From]: fc.Arbitrary<Decision> } = {
  admit: fc.tuple(anyCandidate, anyLook, anyMoment, fc.nat(4)).map(([c, look, now, which]) => {
    const fresh = { ...c, waiting: null };
    if (which === 0) return afterBusy(fresh, { holder: LEADER, sameWish: true }, now);
    if (which === 1) return waitFor(fresh, "pause", now);
    if (which === 2) return plannedFrom(fresh, FREE, { look, image: null }, now);
    if (which === 3) return towardsProof(fresh, now);
    return afterAdmissionLook(fresh, look, now);
  }),
  waiting: fc
    .tuple(anyCandidate, anyWaiting, anyLook, anyMoment, fc.nat(4))
    .map(([c, before, look, now, which]) => {
      const old = { ...c, waiting: before };
      if (which === 0) return afterBusy(old, { holder: LEADER, sameWish: false }, now);
      if (which === 1) return waitFor(old, "store-rebuilding", now);
      if (which === 2) return towardsProof(old, now);
      return afterAdmissionLook(old, look, now);
    }),
  joined: fc
    .tuple(
      fc.oneof(
        fc.constantFrom(
          { kind: "open", holdsLock: true },
          { kind: "open", holdsLock: false },
          { kind: "unheard-of" },
          { kind: "unreadable" } as const,
        ),
        fc.constantFrom(...FINAL_EVENTS).map((event) => ({
          kind: "finished" as const,
          event: finalEvent(event),
          holdsLock: event === "unresolved",
          settled: null,
        })),
      ),
      fc.record({
        rebuilding: fc.boolean(),
        cancelRequest: anyCancel,
        mayHaveRun: fc.boolean(),
      }),
      instant,
      chance,
    )
    .map(([leader, flags, nowMs, random]) =>
      afterLeaderLook(order(), STATES.joined, { leader, ...flags }, moment({ nowMs, random })),
    ),
  prepare: fc
    .tuple(anyOrder, anyPrepare, anyLook, anyStop, anyMoment, anyCancel)
    .map(([o, current, look, stop, now, cancelRequest]) => {
      const found = afterPrepareLook(o, current, { look, cancelRequest }, now);
      return found.kind === "stop" ? afterStop(current, found.type, stop, now) : found;
    }),
  submit: fc
    .tuple(anyOrder, anyTries, anyBody, anyLook, anySubmission, anyMoment, anyCancel)
    .map(([o, tries, body, look, outcome, now, cancelRequest]) => {
      const current = state("submit", { tries, body });
      return (
        lastLook(o, current, { look, cancelRequest }, now) ??
        afterSubmission(o, current, { outcome, signedAtMs: now.nowMs }, now)
      );
    }),
  reconcile: fc
    .tuple(
      anyOrder,
      anyReconcile,
      fc.record({
        look: anyLook,
        trust: fc.constantFrom("trusted" as const, "trusted" as const, "untested" as const),
        lock: fc.constantFrom("held" as const, "held" as const, "lost" as const, "none" as const),
      }),
      anyMoment,
    )
    .map((args) => afterReconcileLook(...args)),
  watch: fc
    .tuple(
      anyOrder,
      anyWatch,
      fc.record({ job: anyJob, look: fc.option(anyLook, { nil: null }) }),
      anyMoment,
    )
    .map((args) => afterPoll(...args)),
  restore: fc
    .tuple(
      anyRestore,
      fc.record({
        look: anyLook,
        stopJob: anyJob,
        startJob: fc.option(anyJob, { nil: null }),
      }),
      anyStop,
      anyMoment,
    )
    .map(([current, looked, outcome, now]) => {
      const turn = afterRestoreLook(current, looked, now);
      if (turn.kind === "ask-stop-job") throw new Error("the job was asked");
      return turn.kind === "start" ? afterStart(current, outcome, now) : turn;
    }),
  settle: fc
    .tuple(instant, anyMoment)
    .map(([untilMs, now]) => afterSettling(state("settle", { untilMs }), now)),
  ready: fc
    .tuple(instant, anyLook, anyReadyAnswer, anyMoment)
    .map(([untilMs, look, answer, now]) => {
      const current = state("ready", { untilMs });
      const found = afterReadyLook(current, look, now);
      return found.kind === "ask" ? afterReadyAnswer(current, answer, now) : found;
    }),
  inquiry: fc
    .tuple(anyReconcile, anyLook, fc.option(anyJob, { nil: null }))
    .map(([{ before, fenceAtMs, accepted, why }, look, job]) => {
      const known = { before, accepted, fenceAtMs, why };
      return inquired({ ...STATES.inquiry, ...known }, look, job);
    }),
};
const PHASES = Object.keys(ANY) as From[];

describe.each(PHASES)("whatever is seen in %s", (from) => {
  const legal: readonly string[] = TRANSITIONS[from];
  const check = (judge: (decision: Decision) => void) =>
    fc.assert(fc.property(ANY[from], judge), { numRuns: 400 });

  it("the decision stays within the table", () => {
    check((decision) => {
      expect(legal).toContain(nameOf(decision));
    });
  });

  it("a lock is kept for good where nobody knows, and only there", () => {
    check((decision) => {
      if (decision.kind !== "final") return;
      // A command that joined holds no lock of its own.
      const keeps = decision.draft.event === "unresolved" && from !== "joined";
      expect(decision.lock).toBe(keeps ? "keep" : "free");
      expect(decision.healedAtMs !== null).toBe(
        decision.draft.event === "succeeded" && from !== "joined",
      );
    });
  });

  it("no delay is negative, and no step tells more than its block of numbers holds", () => {
    check((decision) => {
      if (decision.kind !== "next") return;
      expect(decision.delayMs).toBeGreaterThanOrEqual(0);
      // One for `accepted`, which admitting puts before the rest.
      expect(decision.events.length).toBeLessThan(SEQUENCE_BLOCK - 1);
    });
  });

  it("no event holds the body", () => {
    check((decision) => {
      const told = decision.kind === "next" ? decision.events : [decision.draft];
      expect(JSON.stringify(told)).not.toContain(BODY.userid);
    });
  });
});

it("an intent is cleared only on the way to another attempt, with a higher number", () => {
  const tries = { attempt: 5, spent: 1 };
  const before = state("reconcile", { tries });
  const anyStep = fc.oneof(
    fc
      .tuple(anySubmission, chance)
      .map(([outcome, random]) =>
        afterSubmission(
          order(),
          state("submit", { tries }),
          { outcome, signedAtMs: NOW },
          moment({ random }),
        ),
      ),
    fc
      .tuple(anyLook, instant, chance)
      .map(([look, at, random]) =>
        afterReconcileLook(
          order(),
          before,
          { look, trust: "trusted", lock: "held" },
          moment({ nowMs: at, random }),
        ),
      ),
  );
  fc.assert(
    fc.property(anyStep, (decision) => {
      if (decision.kind !== "next" || !("tries" in decision.state)) return;
      expect(decision.state.tries.attempt).toBe(decision.intent === "clear" ? 6 : 5);
    }),
    { numRuns: 500 },
  );
});

describe("what the broker gave up on", () => {
  const anyClaim = fc
    .record({
      restored: fc.constantFrom("no" as const, "behind" as const, "absent" as const),
      foreignEpoch: fc.boolean(),
      intent: fc.constantFrom(null, { attempt: 1, signedAtMs: NOW, diskId: DISK }),
    })
    .map(({ intent, ...changed }) =>
      claimed({ ...changed, attempt: { attempt: 1, intent, jobId: null } }),
    );

  it.each(Object.values(STATES))("ends, or goes on, within the table: $phase", (current) => {
    const legal: readonly string[] = TRANSITIONS[current.phase];
    fc.assert(
      fc.property(anyClaim, fc.boolean(), (claim, doubt) => {
        const buried = current.phase === "waiting" ? { ...current, doubt } : current;
        const result = giveUp(envelope(buried), claim, "gave up", moment());
        if (result.kind !== "conclude") throw new Error(result.kind);
        expect(legal).toContain(nameOf(result.decision));
      }),
    );
  });
});
