import { describe, expect, it } from "vitest";
import type { Decision, Next } from "../../../../src/core/decision.ts";
import { leaveAsFound } from "../../../../src/core/decisions/leave-as-found.ts";
import { afterSubmission, lastLook } from "../../../../src/core/decisions/decide-submit.ts";
import { afterRestoreLook } from "../../../../src/core/decisions/decide-restore.ts";
import { restOf } from "../../../../src/core/decisions/off-too-long.ts";
import { towardsReconcile } from "../../../../src/core/towards.ts";
import type { Submission } from "../../../../src/core/server/observations.ts";
import type { Power } from "../../../../src/core/server/power.ts";
import type { Rules } from "../../../../src/core/rules.ts";
import type { In } from "../../../../src/core/state/state.ts";
import {
  asNext,
  BEFORE,
  HOUR,
  JOB,
  MINUTE,
  moment,
  NOW,
  order,
  refusal,
  RULES,
  seen,
  server,
  state,
} from "../builders.ts";

const STOPPED: Power = {
  was: "on",
  mayHaveStopped: true,
  stop: { askedAtMs: NOW, jobId: JOB },
};
const LINE = state("submit", {
  tries: { attempt: 2, spent: 0 },
  before: { ...BEFORE, atMs: NOW },
  power: STOPPED,
});
const later = (waitsFor: "throttled" | "cloud-unavailable", retryAfterMs: number | null = null) =>
  ({ kind: "later", waitsFor, refusal: refusal({ retryable: true }), retryAfterMs }) as const;
const NOT_SENT = {
  kind: "not-sent",
  waitsFor: "cloud-unavailable",
  cloudCode: null,
  message: "refused to connect",
  retryAfterMs: null,
} as const;

/** What the command comes to whose POST had this outcome, so long after its server was seen off. */
function after(
  outcome: Submission,
  offMs: number,
  {
    from = LINE,
    rules = {},
    expiresInMs = 24 * HOUR,
  }: { from?: In<"submit">; rules?: Partial<Rules>; expiresInMs?: number } = {},
) {
  const now = moment({ nowMs: NOW + offMs, rules: { ...RULES, ...rules } });
  const sent = { outcome, signedAtMs: now.nowMs };
  const asked = order({ expiresAtMs: now.nowMs + expiresInMs });
  const { power } = from;
  return leaveAsFound(from, power, afterSubmission(asked, from, sent, now), now);
}

function nextOf(decision: Decision): Next {
  if (decision.kind !== "next") throw new Error(decision.draft.event);
  return decision;
}

const REFUSED_FOR_NOW = [
  ["throttled", later("throttled")],
  ["refused by a cloud that is unavailable", later("cloud-unavailable")],
  ["not sent", NOT_SENT],
] as const;

describe("a server that we stopped, while its reinstall is refused for now", () => {
  it.each(REFUSED_FOR_NOW)("stays off for the next try, up to the bound: %s", (_, outcome) => {
    const decision = asNext(after(outcome, 10 * MINUTE - 1), "submit");
    expect(decision).toMatchObject({ lock: "keep", intent: "clear" });
    expect(decision.delayMs).toBeLessThanOrEqual(MINUTE);
  });

  it.each(REFUSED_FOR_NOW)(
    "is started again then, and rests before the next try: %s",
    (_, outcome) => {
      const decision = asNext(after(outcome, 10 * MINUTE), "restore");
      expect(decision).toMatchObject({ delayMs: 0, intent: "clear" });
      expect(decision.state).toMatchObject({
        power: STOPPED,
        after: {
          kind: "wait",
          nextTryMs: NOW + 20 * MINUTE,
          restMs: 10 * MINUTE,
          place: { tries: { attempt: 3, spent: 0, restarts: 1 }, waitsFor: outcome.waitsFor },
        },
      });
      expect(decision.events).toMatchObject([
        { event: "waiting", data: { detail: expect.stringContaining("off for it for 10 min") } },
      ]);
    },
  );

  it("is started, too, where this worker's clock is off", () => {
    const now = moment({ nowMs: NOW + 10 * MINUTE });
    const look = seen({ ...server(), cloudTimeMs: now.nowMs + 2 * MINUTE });
    const objection = lastLook(order(), LINE, { look, cancelRequest: null }, now);
    if (objection === null) throw new Error("there was no objection");
    asNext(leaveAsFound(LINE, STOPPED, objection, now), "restore");
  });

  it("says so once, however long it has waited for the same", () => {
    const waited = { waitsFor: "throttled", sinceMs: NOW } as const;
    const from = { ...LINE, waited };
    expect(nextOf(after(later("throttled"), 5 * MINUTE, { from })).events).toEqual([]);
    expect(nextOf(after(later("throttled"), 10 * MINUTE, { from })).events).toHaveLength(1);
  });

  it.each([
    ["the worker leaves it as it is", LINE, { powerAfter: "untouched" }],
    ["it was off before", { ...LINE, power: { was: "off", mayHaveStopped: false } }, {}],
    [
      "the cloud is to stop it",
      { ...LINE, power: { was: "on", mayHaveStopped: true } },
      { stopBy: "cloud" },
    ],
  ] as const)("is not started where %s", (_, from, rules) => {
    const { state: next } = nextOf(after(later("throttled"), HOUR, { from, rules }));
    expect(next.phase).not.toBe("restore");
    expect(next).toMatchObject({ tries: { attempt: 3, spent: 0 } });
    expect(next).not.toHaveProperty("tries.restarts");
  });

  it("is not started while a stop that nobody answered may still come true", () => {
    const stop = { askedAtMs: NOW, jobId: JOB, unansweredAtMs: NOW + 30_000 };
    const from = { ...LINE, power: { ...STOPPED, stop } };
    const deadMs = 30_000 + RULES.postFenceMs;
    asNext(after(later("throttled"), deadMs - 1, { from }), "submit");
    asNext(after(later("throttled"), deadMs, { from }), "restore");
  });

  it("rests twice as long each time, up to twelve times the first", () => {
    const rests = [1, 2, 3, 4, 5, 6, 40].map((times) => restOf(times, RULES) / MINUTE);
    expect(rests).toEqual([10, 20, 40, 80, 120, 120, 120]);
    const from = { ...LINE, tries: { ...LINE.tries, restarts: 2 } };
    expect(nextOf(after(later("throttled"), 10 * MINUTE, { from })).state).toMatchObject({
      after: { restMs: 40 * MINUTE, place: { tries: { restarts: 3 } } },
    });
  });

  it("waits as long as the cloud asks where that is longer, and not past its own time", () => {
    const asked = after(later("throttled", 30 * MINUTE), 10 * MINUTE);
    expect(nextOf(asked).state).toMatchObject({ after: { nextTryMs: NOW + 40 * MINUTE } });
    const short = after(later("throttled"), 10 * MINUTE, { expiresInMs: 2 * MINUTE });
    const { state: restoring } = asNext(short, "restore");
    expect(restoring).toMatchObject({ after: { nextTryMs: NOW + 12 * MINUTE + 1_000 } });
  });

  it("keeps the count over a POST that nobody answered, and over one that is refused for now", () => {
    const from = { ...LINE, tries: { ...LINE.tries, restarts: 2 } };
    const kept = { tries: { restarts: 2 } };
    expect(nextOf(after(later("throttled"), MINUTE, { from })).state).toMatchObject(kept);
    const unknown = towardsReconcile(from, NOW, "no-answer", moment());
    expect(nextOf(unknown).state).toMatchObject(kept);
  });
});

describe("a server that is started again because its reinstall was refused for too long", () => {
  const started = asNext(after(later("throttled"), 10 * MINUTE), "restore").state;
  const turn = (look: Parameters<typeof afterRestoreLook>[1]["look"], inMs: number) =>
    afterRestoreLook(
      started,
      { look, stopJob: null, startJob: null },
      moment({ nowMs: NOW + inMs }),
    );

  it("rests from when it runs, however long that took", () => {
    const decision = nextOf(turn(seen({ status: "ACTIVE" }), 30 * MINUTE) as Decision);
    expect(decision.delayMs).toBe(10 * MINUTE);
    expect(decision.state).toMatchObject({
      phase: "waiting",
      tries: { restarts: 1 },
      power: { mayHaveStopped: false, startedAgain: true },
    });
  });

  it("has no rest where it could not be started: the command asks for its place at once", () => {
    const decision = nextOf(turn(seen({ status: "ERROR" }), 30 * MINUTE) as Decision);
    expect(decision).toMatchObject({ delayMs: RULES.ladderMs[0], lock: "release" });
    expect(decision.state).toMatchObject({ phase: "waiting", power: { mayHaveStopped: true } });
  });
});
