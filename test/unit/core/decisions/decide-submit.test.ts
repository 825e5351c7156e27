import { describe, expect, it } from "vitest";
import {
  afterAcceptance,
  afterSubmission,
  bodyToSend,
  lastLook,
  withoutCalls,
} from "../../../../src/core/decisions/decide-submit.ts";
import type { Look, Submission } from "../../../../src/core/server/observations.ts";
import type { Rules } from "../../../../src/core/rules.ts";
import type { In } from "../../../../src/core/state/state.ts";
import { towardsReconcile } from "../../../../src/core/towards.ts";
import {
  ABSENT,
  asFinal,
  asNext,
  BEFORE,
  BODY,
  JOB,
  MINUTE,
  moment,
  NEW_DISK,
  NOW,
  order,
  REFUSED,
  RULES,
  refusal,
  SECOND,
  seen,
  state,
  UNASKED,
  UNREADABLE,
} from "../builders.ts";

const CURRENT = state("submit", { tries: { attempt: 2, spent: 1 } });

describe("a command at the line for which there are no calls", () => {
  const short = (retryAfterMs: number, given: { cancel?: boolean; expiresAtMs?: number } = {}) =>
    withoutCalls(
      order({ expiresAtMs: given.expiresAtMs ?? NOW + MINUTE }),
      CURRENT,
      {
        unavailable: { ...UNASKED, retryAfterMs },
        cancelRequest: given.cancel === true ? {} : null,
      },
      moment(),
    );

  it("keeps its place there, silently, until they are there again", () => {
    const { state: stays, delayMs, events, lock } = asNext(short(14_000), "submit");
    expect(stays).toEqual(CURRENT);
    expect({ delayMs, events, lock }).toEqual({ delayMs: 14_000, events: [], lock: "keep" });
  });

  it("waits like others where the cloud lets nothing through for long", () => {
    const { events, lock, delayMs } = asNext(short(5 * MINUTE), "waiting");
    expect(events.map(({ data }) => data["waits_for"])).toEqual(["throttled"]);
    expect({ lock, delayMs }).toEqual({ lock: "release", delayMs: 5 * MINUTE });
  });

  it("ends where its time is over, or a person has cancelled it", () => {
    asFinal(short(14_000, { expiresAtMs: NOW }), "expired");
    asFinal(short(14_000, { cancel: true }), "cancelled");
  });
});

describe("the last look before the POST", () => {
  function look(
    seenThere: Look,
    given: { rules?: Partial<Rules>; expiresAtMs?: number; cancel?: boolean } = {},
  ) {
    const { rules, expiresAtMs = NOW + MINUTE, cancel = false } = given;
    const all = { ...RULES, ...rules };
    return lastLook(
      order({ expiresAtMs }),
      CURRENT,
      { look: seenThere, cancelRequest: cancel ? {} : null },
      moment({ rules: all }),
    );
  }
  const objection = (...args: Parameters<typeof look>) => {
    const found = look(...args);
    if (found === null) throw new Error("there was no objection");
    return found;
  };

  it.each(["SHUTOFF", "ERROR"])("finds nothing against an idle %s with the same disk", (status) => {
    expect(look(seen({ status }))).toBeNull();
  });

  it.each([
    ["gone", ABSENT, "failed"],
    ["not for us", REFUSED, "failed"],
    ["locked", seen({ locked: true }), "failed"],
    ["without a disk", seen({ systemDiskId: null }), "failed"],
    ["on another disk", seen({ systemDiskId: NEW_DISK }), "superseded"],
    ["on another disk and busy", seen({ systemDiskId: NEW_DISK, status: "REBUILD" }), "superseded"],
  ])("ends the command when the server is %s", (_, seenThere, event) => {
    expect(asFinal(objection(seenThere), event).lock).toBe("free");
  });

  it.each([
    ["never", seen({ mark: "never" })],
    ["unreadable", seen({ unreadMark: "never, allowed" })],
    ["never, on another disk", seen({ mark: "never", systemDiskId: NEW_DISK })],
    ["never, not fit", seen({ mark: "never", status: "REBUILD" })],
  ])("ends the command when the server's mark is %s", (_, seenThere) => {
    expect(asFinal(objection(seenThere), "rejected").draft.data["brake"]).toMatchObject({
      name: "protected",
      scope: "cloud mark",
    });
  });

  it("ends the command when the server has lost the mark that it needs", () => {
    asFinal(objection(seen(), { rules: { allow: "marked" } }), "rejected");
    expect(look(seen({ mark: "allowed" }), { rules: { allow: "marked" } })).toBeNull();
  });

  it("ends the command when it is too late, or a person says so", () => {
    asFinal(objection(seen(), { expiresAtMs: NOW }), "expired");
    asFinal(objection(seen(), { cancel: true }), "cancelled");
    asFinal(objection(UNREADABLE, { cancel: true }), "cancelled");
    expect(look(seen(), { expiresAtMs: NOW + 1 })).toBeNull();
  });

  it.each([
    ["it cannot be read", UNREADABLE, "cloud-unavailable"],
    ["the cloud is throttling", { ...UNREADABLE, waitsFor: "throttled" } as const, "throttled"],
    ["something runs on it", seen({ taskState: "powering-on" }), "server-unstable"],
    ["it was started again", seen({ status: "ACTIVE" }), "server-unstable"],
    ["the clocks differ", seen({ cloudTimeMs: NOW - 61 * SECOND }), "clock-skew"],
  ])("waits when %s, and remembers what it knew", (_, seenThere, waitsFor) => {
    const decision = asNext(objection(seenThere), "waiting");
    expect(decision.state).toMatchObject({ waitsFor, before: BEFORE, tries: CURRENT.tries });
    expect(decision.events).toHaveLength(1);
    expect(decision.intent).toBe("keep");
  });

  it("waits as long as the cloud asks", () => {
    const later = { ...UNREADABLE, retryAfterMs: 10 * MINUTE };
    expect(asNext(objection(later, { expiresAtMs: NOW + 60 * MINUTE }), "waiting").delayMs).toBe(
      10 * MINUTE,
    );
  });

  it.each([
    [-60 * SECOND, true],
    [60 * SECOND, true],
    [-60_001, false],
    [60_001, false],
  ])("allows the cloud's clock to be %i ms away: %s", (offset, allowed) => {
    expect(look(seen({ cloudTimeMs: NOW + offset })) === null).toBe(allowed);
  });

  it("lets the cloud stop a running server where that is its business", () => {
    expect(look(seen({ status: "ACTIVE" }), { rules: { stopBy: "cloud" } })).toBeNull();
  });

  it("refuses a running server that nobody asked to stop", () => {
    const rules = { stopRunning: "when-asked" } as const;
    asFinal(objection(seen({ status: "ACTIVE" }), { rules }), "rejected");
  });
});

describe("the body that is sent", () => {
  const asked = { ...BODY, mode: "withStopServer" as const, metadata: { user_data: "Cg==" } };

  it("goes without mode: the cloud then insists on a stopped server", () => {
    expect(bodyToSend(asked, RULES)).toEqual({ ...BODY, metadata: { user_data: "Cg==" } });
  });

  it("goes with mode, asked or not, where the cloud does the stopping", () => {
    const rules = { ...RULES, stopBy: "cloud" } as const;
    expect(bodyToSend(asked, rules)).toEqual(asked);
    expect(bodyToSend(BODY, rules)).toEqual({ ...BODY, mode: "withStopServer" });
  });
});

describe("what became of the POST", () => {
  function after(
    outcome: Submission,
    given: { signedAtMs?: number | null; current?: In<"submit">; expiresAtMs?: number } = {},
  ) {
    const { signedAtMs = NOW - SECOND, current = CURRENT, expiresAtMs = NOW + 60 * MINUTE } = given;
    return afterSubmission(order({ expiresAtMs }), current, { outcome, signedAtMs }, moment());
  }
  const later = (
    waitsFor: "server-unstable" | "throttled" | "cloud-unavailable" | "clock-skew",
    retryAfterMs: number | null = null,
  ): Submission => ({
    kind: "later",
    waitsFor,
    refusal: refusal({ cloudCode: "Ecs.0603", message: "busy" }),
    retryAfterMs,
  });

  it("accepted: the job is watched, and told", () => {
    const decision = asNext(after({ kind: "accepted", jobId: JOB }), "watch");
    expect(decision).toMatchObject({ delayMs: 2_000, intent: "keep", lock: "keep" });
    expect(decision.state).toEqual({
      phase: "watch",
      tries: { attempt: 2, spent: 2 },
      jobId: JOB,
      before: BEFORE,
      acceptedAtMs: NOW,
      deadlineMs: NOW + 45 * MINUTE,
      announced: true,
      successes: 0,
      missing: 0,
    });
    expect(decision.events).toEqual([{ event: "submitted", data: { job_id: JOB, attempt: 2 } }]);
  });

  it("accepted: what the cloud calls the request is kept, and said", () => {
    const decision = asNext(after({ kind: "accepted", jobId: JOB, requestId: "r-1" }), "watch");
    expect(decision.state).toMatchObject({ jobId: JOB, requestId: "r-1" });
    expect(decision.events[0]?.data).toEqual({ job_id: JOB, attempt: 2, request_id: "r-1" });
  });

  it("accepted: the job is polled first when jobs of its kind begin to end, punctually", () => {
    const likelyEnd = { fromMs: 73 * SECOND, toMs: 107 * SECOND };
    const foreseen = moment({ likelyEnd, random: 0 });
    expect(afterAcceptance(CURRENT, { jobId: JOB }, true, foreseen)).toMatchObject({
      delayMs: 73_000,
      isPunctual: true,
    });
    // `submitted` is owed: that does not wait.
    expect(afterAcceptance(CURRENT, { jobId: JOB }, false, foreseen)).toMatchObject({
      delayMs: 2_000,
    });
  });

  it("accepted: told later where it cannot be told now", () => {
    const decision = asNext(afterAcceptance(CURRENT, { jobId: JOB }, false, moment()), "watch");
    expect(decision.events).toEqual([]);
    expect(decision.state.announced).toBe(false);
  });

  it("refused for good: the command has failed, and the server is free", () => {
    const { draft, lock } = asFinal(after({ kind: "refused", refusal: refusal() }), "failed");
    expect(lock).toBe("free");
    expect(draft.data).toEqual({
      class: "quota",
      cloud_code: "Ecs.0319",
      message: "the quota is used up",
      retryable: false,
      next_step: "Raise the quota.",
    });
  });

  it.each<[string, Submission, string, number]>([
    ["refused for now: busy", later("server-unstable"), "server-unstable", 60_000],
    ["refused for now: throttled", later("throttled"), "throttled", 2_000],
    ["refused for now: asked to come later", later("throttled", 9_000), "throttled", 10_000],
    ["refused for now: much later", later("throttled", 5 * MINUTE), "throttled", 5 * MINUTE],
    ["busy, and told when", later("server-unstable", 1_000), "server-unstable", 2_000],
    [
      "not sent",
      { ...UNREADABLE, kind: "not-sent", message: "connect ECONNREFUSED" },
      "cloud-unavailable",
      2_000,
    ],
    [
      "not sent, and told when to come back",
      { ...UNREADABLE, kind: "not-sent", retryAfterMs: 20_000 },
      "cloud-unavailable",
      30_000,
    ],
  ])("%s: waits with the next number, and no budget spent", (_, outcome, waitsFor, delayMs) => {
    const decision = asNext(after(outcome), "waiting");
    expect(decision).toMatchObject({ delayMs, intent: "clear", lock: "release" });
    expect(decision.state).toMatchObject({
      waitsFor,
      tries: { attempt: 3, spent: 1 },
      before: BEFORE,
      body: BODY,
    });
  });

  it("refused for now: the minute and what the cloud asks for are kept on a ladder of a second", () => {
    const rules = { ...RULES, ladderMs: [100, 200, 500, 1_000] };
    const waits = [later("server-unstable", MINUTE), later("throttled", 7 * MINUTE)].map(
      (outcome) =>
        afterSubmission(order(), CURRENT, { outcome, signedAtMs: NOW }, moment({ rules })),
    );
    expect(waits.map((one) => asNext(one, "waiting").delayMs)).toEqual([60_000, 7 * MINUTE]);
  });

  it("refused for now, and expires before the rest is over: comes back when it has expired", () => {
    const expiresAtMs = NOW + 8 * MINUTE;
    const refused = after(later("server-unstable", 20 * MINUTE), { expiresAtMs });
    expect(asNext(refused, "waiting").delayMs).toBe(8 * MINUTE + SECOND);
  });

  it("refused because of our clock: waits for that, nothing carried out", () => {
    const decision = asNext(after(later("clock-skew")), "waiting");
    expect([decision.state.waitsFor, decision.intent]).toEqual(["clock-skew", "clear"]);
  });

  it("refused for now: says why", () => {
    const decision = asNext(after(later("server-unstable")), "waiting");
    expect(decision.events[0]?.data).toMatchObject({ detail: "Ecs.0603: busy" });
  });

  it("refused for now, but too late: nothing was done", () => {
    asFinal(after(later("throttled"), { expiresAtMs: NOW }), "expired");
  });

  it("unknown: looks for proof behind the fence of its signature", () => {
    const decision = asNext(after({ kind: "unknown", message: "reset" }), "reconcile");
    expect(decision).toMatchObject({ delayMs: 2_000, intent: "keep", lock: "keep", events: [] });
    expect(decision.state).toEqual({
      phase: "reconcile",
      body: BODY,
      tries: { attempt: 2, spent: 2 },
      before: BEFORE,
      fenceAtMs: NOW - SECOND + 18 * MINUTE,
      deadlineMs: NOW + 45 * MINUTE,
      sinceMs: NOW,
      why: "no-answer",
    });
  });

  it("unknown: without an end where the signature has none", () => {
    const decision = after({ kind: "unknown", message: "reset" }, { signedAtMs: null });
    expect(asNext(decision, "reconcile").state.fenceAtMs).toBeNull();
  });

  it("unknown: never ends too late, for it may be carried out", () => {
    const decision = after({ kind: "unknown", message: "reset" }, { expiresAtMs: NOW - MINUTE });
    asNext(decision, "reconcile");
  });
});

it("a request whose signing time nobody knows is taken for signed just now", () => {
  const decision = towardsReconcile(CURRENT, undefined, "store-forgot", moment());
  expect(asNext(decision, "reconcile").state).toMatchObject({
    fenceAtMs: NOW + 18 * MINUTE,
    why: "store-forgot",
  });
});
