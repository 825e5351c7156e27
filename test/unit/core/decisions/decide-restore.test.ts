import { describe, expect, it } from "vitest";
import { final, next } from "../../../../src/core/decision.ts";
import {
  afterRestoreLook,
  afterStart,
  givenUp,
} from "../../../../src/core/decisions/decide-restore.ts";
import { leaveAsFound } from "../../../../src/core/decisions/leave-as-found.ts";
import { succeed } from "../../../../src/core/decisions/success.ts";
import { expired } from "../../../../src/core/endings.ts";
import { failed } from "../../../../src/core/messages/events.ts";
import type { JobLook } from "../../../../src/core/server/observations.ts";
import { type Power, powerSeen } from "../../../../src/core/server/power.ts";
import {
  ABSENT,
  asFinal,
  asNext,
  BODY,
  JOB,
  LADDER,
  MINUTE,
  moment,
  NOW,
  order,
  REFUSED,
  RULES,
  RUNNING,
  refusal,
  STATES,
  STOPPED,
  SECOND,
  seen,
  server,
  state,
  UNREADABLE,
} from "../builders.ts";

const ON = seen({ status: "ACTIVE", vmState: "active" });
const OFF = seen();
const ENDED: JobLook = { kind: "succeeded", endedAtMs: null };
const NOT_STOPPED: Power = { was: "on", mayHaveStopped: false };
const WAS_OFF: Power = { was: "off", mayHaveStopped: true };
const untouched = moment({ rules: { ...RULES, powerAfter: "untouched" } });
const alwaysOn = moment({ rules: { ...RULES, powerAfter: "on" } });

interface Looked {
  readonly now: ReturnType<typeof moment>;
  readonly stopJob: JobLook | null;
  readonly startJob: JobLook | null;
}
const turn = (
  look: Parameters<typeof afterRestoreLook>[1]["look"],
  { now = moment(), stopJob = ENDED, startJob = null }: Partial<Looked> = {},
  current = STATES.restore,
) => afterRestoreLook(current, { look, stopJob, startJob }, now);

describe("a command that goes no further", () => {
  it.each(["failed", "rejected", "superseded", "expired", "cancelled"] as const)(
    "starts the server that we may have stopped before it ends %s",
    (event) => {
      const end = final({ event, data: { why: "because" } });
      const decision = asNext(leaveAsFound(STATES.prepare, STOPPED, end, moment()), "restore");
      expect(decision).toMatchObject({ delayMs: 0, events: [], lock: "keep" });
      expect(decision.state.after).toEqual({ kind: "end", ending: end.draft });
      expect(decision.state.power).toEqual(STOPPED);
    },
  );

  it("does not where nobody knows whether a reinstall was, or is, carried out", () => {
    const end = final({ event: "unresolved", data: {} }, { lock: "keep", undo: false });
    const decision = asFinal(leaveAsFound(STATES.reconcile, STOPPED, end, moment()), "unresolved");
    const { power } = decision.draft.data as { power: object };
    expect(power).toMatchObject({ before: "on" });
    expect(power).not.toHaveProperty("after");
  });

  it.each<[string, Power | undefined]>([
    ["was not stopped", NOT_STOPPED],
    ["was off before", WAS_OFF],
    ["was never seen", undefined],
  ])("does not start a server that %s", (_, power) => {
    const end = expired(order());
    expect(leaveAsFound(STATES.prepare, power, end, moment())).toBe(end);
  });

  it("leaves it to the configuration", () => {
    const end = expired(order());
    const left = asFinal(leaveAsFound(STATES.prepare, STOPPED, end, untouched), "expired");
    expect(left.draft.data).toMatchObject({
      power: { before: "on", next_step: expect.stringContaining("start it") },
    });
    const waits = next(STATES.waiting, LADDER[0] ?? 0);
    expect(leaveAsFound(STATES.prepare, STOPPED, waits, untouched)).toBe(waits);
    asNext(leaveAsFound(STATES.prepare, WAS_OFF, end, alwaysOn), "restore");
  });

  it("goes back to its place in line by way of a start, and says at once that it waits", () => {
    const waits = next(
      { ...STATES.waiting, waitsFor: "pause", holder: undefined },
      LADDER[0] ?? 0,
      [{ event: "waiting", data: { waits_for: "pause" } }],
    );
    const decision = asNext(leaveAsFound(STATES.submit, STOPPED, waits, moment()), "restore");
    expect(decision.events).toEqual(waits.events);
    expect(decision.state.body).toEqual(BODY);
    expect(JSON.stringify(decision.state.after)).not.toContain(BODY.userid);
  });

  it("keeps what is left of its wait, however long the start takes", () => {
    const waits = next({ ...STATES.waiting, waitsFor: "server-unstable" }, MINUTE);
    const { state } = asNext(leaveAsFound(STATES.submit, STOPPED, waits, moment()), "restore");
    const started = (afterMs: number) => turn(ON, { now: moment({ nowMs: NOW + afterMs }) }, state);
    expect(asNext(started(20 * SECOND), "waiting").delayMs).toBe(40 * SECOND);
    expect(asNext(started(2 * MINUTE), "waiting").delayMs).toBe(LADDER[0]);
  });

  it("stays in line where the cloud may have stopped it, and the store makes it wait", () => {
    const waits = next({ ...STATES.waiting, waitsFor: "throttled" }, 5_000);
    const decision = asNext(leaveAsFound(STATES.submit, STOPPED, waits, moment()), "submit");
    expect(decision.state.power).toBe(STOPPED);
  });

  it.each(["throttled", "cloud-unavailable", "clock-skew", "store-rebuilding"] as const)(
    "stays at the line, with the server stopped, while the cloud or the store makes it wait: %s",
    (waitsFor) => {
      const waits = next({ ...STATES.waiting, waitsFor, tries: { attempt: 2, spent: 0 } }, 5_000, [
        { event: "waiting", data: { waits_for: waitsFor } },
      ]);
      const decision = asNext(leaveAsFound(STATES.submit, STOPPED, waits, moment()), "submit");
      expect(decision).toMatchObject({ delayMs: 5_000, events: waits.events, lock: "keep" });
      expect(decision.state).toMatchObject({
        tries: { attempt: 2, spent: 0 },
        waited: { waitsFor, sinceMs: NOW },
      });
    },
  );
});

describe("how the server was found", () => {
  it("is what the first look shows, and the newest before anything was done", () => {
    expect(powerSeen(undefined, server({ status: "ACTIVE" }))).toEqual(NOT_STOPPED);
    expect(powerSeen(NOT_STOPPED, server())).toEqual({ was: "off", mayHaveStopped: false });
    const started = { ...NOT_STOPPED, startedAgain: true } as const;
    expect(powerSeen(started, server())).toEqual({ ...started, was: "off" });
  });

  it("is never taken from a server that we may have stopped", () => {
    expect(powerSeen(STOPPED, server())).toBe(STOPPED);
  });

  it("is not guessed from a state that says neither on nor off", () => {
    expect(powerSeen(undefined, server({ status: "ERROR" }))).toBeUndefined();
    expect(powerSeen(NOT_STOPPED, server({ status: "ERROR" }))).toBe(NOT_STOPPED);
  });
});

describe("a turn of restore", () => {
  it("ends the command when the server runs", () => {
    const decision = asFinal(turn(ON), "cancelled");
    expect(decision.draft.data).toEqual({
      why: "cancelled by an operator",
      power: { before: "on", after: "on" },
    });
    expect(decision.lock).toBe("free");
  });

  it("starts a server that is off and idle", () => {
    expect(turn(OFF)).toEqual({ kind: "start" });
  });

  it.each([
    ["it is still stopping", seen({ taskState: "powering-off" })],
    ["it cannot be read", UNREADABLE],
    ["the cloud refuses to show it", REFUSED],
  ] as const)("looks again while %s", (_, look) => {
    asNext(turn(look), "restore");
  });

  it("asks for the job of the last stop first: one that comes later would undo the start", () => {
    expect(turn(OFF, { stopJob: null })).toEqual({ kind: "ask-stop-job" });
    expect(turn(ON, { stopJob: null })).toEqual({ kind: "ask-stop-job" });
    asNext(turn(OFF, { stopJob: RUNNING }), "restore");
    asNext(turn(ON, { stopJob: RUNNING }), "restore");
    asNext(turn(OFF, { stopJob: UNREADABLE }), "restore");
    expect(turn(OFF, { stopJob: { kind: "missing", cloudCode: "Common.0011" } })).toEqual({
      kind: "start",
    });
  });

  it("waits until a stop that nobody answered is dead", () => {
    const lost = state("restore", {
      power: { ...STOPPED, stop: { askedAtMs: NOW } },
    });
    const dead = NOW + RULES.postFenceMs;
    asNext(turn(OFF, { stopJob: null, now: moment({ nowMs: dead - 1 }) }, lost), "restore");
    expect(turn(OFF, { stopJob: null, now: moment({ nowMs: dead }) }, lost)).toEqual({
      kind: "start",
    });
  });

  it("waits, too, until an earlier stop is dead that nobody answered, whatever became of the last one", () => {
    const stop = { askedAtMs: NOW - 10, jobId: JOB, unansweredAtMs: NOW };
    const two = state("restore", { power: { ...STOPPED, stop } });
    const dead = NOW + RULES.postFenceMs;
    asNext(turn(OFF, { now: moment({ nowMs: dead - 1 }) }, two), "restore");
    asNext(turn(ON, { now: moment({ nowMs: dead - 1 }) }, two), "restore");
    expect(turn(OFF, { now: moment({ nowMs: dead }) }, two)).toEqual({ kind: "start" });
  });

  it("does not start again while the job of the last start runs, and does when that failed", () => {
    const started = state("restore", {
      start: { askedAtMs: NOW, jobId: JOB },
      startableSinceMs: NOW,
    });
    asNext(turn(OFF, { startJob: RUNNING }, started), "restore");
    const failure: JobLook = { kind: "failed", cloudCode: "Ecs.0207", message: "no host" };
    expect(turn(OFF, { startJob: failure }, started)).toEqual({ kind: "start" });
  });

  it("gives a server up that does not start in time, and says what a person has to do", () => {
    const started = state("restore", { start: { askedAtMs: NOW }, startableSinceMs: NOW });
    const late = moment({ nowMs: NOW + RULES.startDeadlineMs });
    const decision = asFinal(turn(OFF, { now: late }, started), "cancelled");
    expect(decision.draft.data["power"]).toMatchObject({
      before: "on",
      after: "off",
      next_step: expect.stringContaining("start it"),
    });
    asFinal(turn(seen({ taskState: "powering-on" }), { now: late }, started), "cancelled");
    asFinal(turn(UNREADABLE, { now: late }, started), "cancelled");
  });

  it("is not given up before a stop can have ended that was asked for after it began", () => {
    const stop = { askedAtMs: NOW + 30_000 };
    const waits = state("restore", { power: { ...STOPPED, stop } });
    const lateMs = NOW + RULES.postFenceMs + RULES.startDeadlineMs;
    asNext(turn(UNREADABLE, { now: moment({ nowMs: lateMs }) }, waits), "restore");
    const late = moment({ nowMs: lateMs + 30_000 });
    asFinal(turn(UNREADABLE, { now: late }, waits), "cancelled");
  });

  it.each([
    ["is gone", ABSENT],
    ["is in ERROR", seen({ status: "ERROR" })],
  ] as const)("ends the command without a start where the server %s", (_, look) => {
    const decision = asFinal(turn(look), "cancelled");
    expect(decision.draft.data["power"]).not.toHaveProperty("after");
  });

  it("puts the command back into line, with its place and without the lock, once the server runs", () => {
    const { body: _body, phase: _phase, ...place } = { ...STATES.waiting, sinceMs: NOW - MINUTE };
    const held = state("restore", { body: BODY, after: { kind: "wait", place } });
    const decision = asNext(turn(ON, {}, held), "waiting");
    expect(decision).toMatchObject({ events: [], lock: "release" });
    expect(decision.state).toEqual({
      ...STATES.waiting,
      sinceMs: NOW - MINUTE,
      power: { ...NOT_STOPPED, startedAgain: true },
    });
  });

  it("ends a command whose body was lost with its message, after the start", () => {
    const { body: _body, phase: _phase, ...place } = STATES.waiting;
    const held = state("restore", { after: { kind: "wait", place } });
    const decision = asFinal(turn(ON, {}, held), "failed");
    expect(decision.draft.data).toMatchObject({ class: "internal", power: { after: "on" } });
  });

  it("is left to the lock's owner where the lock is another command's", () => {
    const decision = asFinal(givenUp(STATES.restore, "lost", moment()), "cancelled");
    expect(decision.owes).toEqual({ ...STATES.restore.power, mayHaveStopped: true });
    expect(decision.draft.data["power"]).toEqual({
      before: "on",
      detail: "lost",
      next_step: expect.stringContaining("start it"),
    });
  });
});

describe("a start that was asked for", () => {
  const refused = (retryable: boolean) =>
    ({ kind: "refused", refusal: refusal({ retryable, message: "locked" }) }) as const;

  it("is published, and followed", () => {
    const outcome = { kind: "accepted", jobId: JOB } as const;
    const decision = asNext(afterStart(STATES.restore, outcome, moment()), "restore");
    expect(decision.events).toMatchObject([{ event: "starting", data: { job_id: JOB } }]);
    expect(decision.state).toMatchObject({
      start: { askedAtMs: NOW, jobId: JOB },
      startableSinceMs: NOW,
    });
  });

  it("is asked for again when it is refused for now, and when its answer is lost", () => {
    asNext(afterStart(STATES.restore, refused(true), moment()), "restore");
    asNext(afterStart(STATES.restore, UNREADABLE, moment()), "restore");
  });

  it("is not said to have been asked for, perhaps, where it was not sent", () => {
    const started = (more: object) =>
      asNext(afterStart(STATES.restore, { ...UNREADABLE, ...more }, moment()), "restore").state;
    expect(started({})).toMatchObject({ start: { unanswered: true } });
    for (const unsent of [{ unasked: true }, { heldBack: true }]) {
      expect(started(unsent)).not.toHaveProperty("start.unanswered");
      expect(started(unsent)).toMatchObject({ start: { said: UNREADABLE.message } });
    }
  });

  it.each([
    ["refused for now", refused(true), null, "locked"],
    ["answered with a code that nobody knows", UNREADABLE, null, UNREADABLE.message],
    [
      "taken, and its job failed",
      { kind: "accepted", jobId: JOB } as const,
      { kind: "failed", cloudCode: "Ecs.0226", message: "no host" } as const,
      "Ecs.0226: no host",
    ],
  ])(
    "that was %s until it is too late: the event says what the cloud said",
    (_, outcome, startJob, detail) => {
      const asked = asNext(afterStart(STATES.restore, outcome, moment()), "restore").state;
      const late = moment({ nowMs: NOW + RULES.startDeadlineMs });
      for (const look of [OFF, UNREADABLE]) {
        const decision = asFinal(turn(look, { startJob, now: late }, asked), "cancelled");
        expect(decision.draft.data["power"]).toMatchObject({ detail });
      }
    },
  );

  it.each([
    [
      "refused",
      { kind: "refused", refusal: refusal({ message: "no right" }) } as const,
      "no right",
    ],
    ["not answered", UNREADABLE, UNREADABLE.message],
  ])(
    "whose looks are %s until it is too late: the event says why nobody knows how the server is",
    (_, look, why) => {
      const late = moment({ nowMs: NOW + RULES.postFenceMs + RULES.startDeadlineMs });
      const { draft } = asFinal(turn(look, { now: late }), "cancelled");
      expect(draft.data["power"]).toMatchObject({
        before: "on",
        detail: `it cannot be seen: ${why}`,
        next_step: expect.stringContaining("start it"),
      });
      expect(draft.data["power"]).not.toHaveProperty("after");
    },
  );

  it.each(["permission", "account"])(
    "is asked for again, ever more slowly, when a person has to put something right: %s",
    (of) => {
      const no = refusal({ class: of, message: "no right", nextStep: "Grant the right." });
      const outcome = { kind: "refused", refusal: no } as const;
      let { state, delayMs } = asNext(afterStart(STATES.restore, outcome, moment()), "restore");
      expect(state).toMatchObject({ start: { said: "no right", remedy: "Grant the right." } });
      expect(delayMs).toBeLessThanOrEqual(LADDER[1] ?? 0);
      expect(turn(OFF, {}, state)).toEqual({ kind: "start" });
      const later = moment({ nowMs: NOW + RULES.startDeadlineMs / 2 });
      ({ state, delayMs } = asNext(afterStart(state, outcome, later), "restore"));
      expect(delayMs).toBeGreaterThanOrEqual(LADDER.at(-2) ?? 0);
      const late = moment({ nowMs: NOW + RULES.startDeadlineMs });
      const power = asFinal(turn(OFF, { now: late }, state), "cancelled").draft.data["power"];
      expect(power).toMatchObject({
        after: "off",
        detail: "no right",
        next_step: expect.stringContaining("Grant the right."),
      });
      // It was given meanwhile, and no answer came: what was missing is not said any more.
      const unanswered = asNext(afterStart(state, UNREADABLE, later), "restore").state;
      expect(unanswered).not.toHaveProperty("start.remedy");
      expect(asFinal(turn(ON, {}, state), "cancelled").draft.data["power"]).toMatchObject({
        after: "on",
      });
    },
  );

  it("ends the command when it is refused for good: the server is off, and the event says so", () => {
    const decision = asFinal(afterStart(STATES.restore, refused(false), moment()), "cancelled");
    expect(decision.draft.data["power"]).toMatchObject({ after: "off", detail: "locked" });
  });
});

describe("after a reinstall that worked", () => {
  const { success } = STATES.settle;
  const known = { ...success, jobId: JOB };
  const worked = (power: Power | undefined, status: string, now = moment()) =>
    succeed(known, { power, server: server({ status }) }, now);

  it("the event says how the server was found, and how it is", () => {
    const decision = asFinal(worked(STOPPED, "ACTIVE"), "succeeded");
    expect(decision.draft.data["power"]).toEqual({ before: "on", after: "on" });
  });

  it("what it says of the server's power is not said again", () => {
    const decision = worked(STOPPED, "ACTIVE");
    expect(leaveAsFound(STATES.watch, STOPPED, decision, moment())).toBe(decision);
  });

  it("a server that ran and is off is looked at again a rung later, and then started", () => {
    const first = asNext(worked(STOPPED, "SHUTOFF"), "restore");
    expect(first.delayMs).toBe(LADDER[0]);
    expect(turn(OFF, {}, first.state)).toEqual({ kind: "start" });
    const decision = asFinal(turn(ON, {}, first.state), "succeeded");
    expect(decision.draft.data).toMatchObject({
      job_id: JOB,
      power: { before: "on", after: "on" },
    });
    expect(decision.healedAtMs).toBe(NOW);
  });

  it("it has succeeded all the same where the server does not start", () => {
    const { state: off } = asNext(worked(STOPPED, "SHUTOFF"), "restore");
    const no = { kind: "refused", refusal: refusal({ retryable: false }) } as const;
    const decision = asFinal(afterStart(off, no, moment()), "succeeded");
    expect(decision.draft.data["power"]).toMatchObject({ before: "on", after: "off" });
    expect(decision.sample).toEqual({ volumeType: "SSD", disk: "replaced" });
  });

  it.each([
    ["was off before", { was: "off", mayHaveStopped: false } as const, moment()],
    ["ran, where nobody wants it started", STOPPED, untouched],
  ])("a server that %s stays off", (_, power, now) => {
    const decision = asFinal(worked(power, "SHUTOFF", now), "succeeded");
    expect(decision.draft.data["power"]).toMatchObject({ after: "off" });
  });

  it("every server is started where the configuration says so", () => {
    asNext(worked({ was: "off", mayHaveStopped: false }, "SHUTOFF", alwaysOn), "restore");
    asNext(worked(undefined, "SHUTOFF", alwaysOn), "restore");
  });

  it("settles after the start", () => {
    const settling = moment({ rules: { ...RULES, settleMs: MINUTE } });
    const { state: off } = asNext(worked(STOPPED, "SHUTOFF", settling), "restore");
    asNext(turn(ON, { now: settling }, off), "settle");
  });

  it("a job that failed leaves the server as it is: its disk may be half written", () => {
    const end = final(
      failed({ class: "job-failed", cloudCode: null, message: "", retryable: false, nextStep: "" }),
      { undo: false },
    );
    asFinal(leaveAsFound(STATES.watch, STOPPED, end, moment()), "failed");
  });
});
