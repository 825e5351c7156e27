import { describe, expect, it } from "vitest";
import { afterSettling, succeed } from "../../../../src/core/decisions/success.ts";
import { asFinal, asNext, JOB, MINUTE, moment, NOW, RULES, state } from "../builders.ts";

const { success } = state("settle");
const UNSEEN = { power: undefined, server: null };

describe("a success", () => {
  it("is told at once where nothing settles", () => {
    const decision = asFinal(succeed({ ...success, jobId: JOB }, UNSEEN, moment()), "succeeded");
    expect(decision).toEqual({
      kind: "final",
      draft: {
        event: "succeeded",
        data: { job_id: JOB, duration_seconds: 93.5, verified: true, evidence: "job" },
      },
      lock: "free",
      intent: "keep",
      emittersFault: false,
      healedAtMs: NOW,
      undo: false,
      owes: null,
      inquiry: null,
      sample: { volumeType: "SSD", disk: "replaced" },
    });
  });

  it("waits for the settling time, with the lock", () => {
    const decision = asNext(
      succeed(success, UNSEEN, moment({ rules: { ...RULES, settleMs: MINUTE } })),
      "settle",
    );
    expect(decision).toMatchObject({ delayMs: MINUTE, lock: "keep", events: [] });
    expect(decision.state).toEqual({ phase: "settle", untilMs: NOW + MINUTE, success });
  });

  it("is told when it has settled, not before", () => {
    const early = asNext(
      afterSettling(state("settle"), moment({ nowMs: NOW + MINUTE - 1 })),
      "settle",
    );
    expect(early).toMatchObject({ delayMs: 1, state: state("settle") });
    const decision = asFinal(
      afterSettling(state("settle"), moment({ nowMs: NOW + MINUTE })),
      "succeeded",
    );
    expect(decision.healedAtMs).toBe(NOW + MINUTE);
  });

  it("is told once the server was asked, where it is to be", () => {
    const asking = moment({ rules: { ...RULES, readyTimeoutMs: MINUTE } });
    const now = { ...asking, nowMs: NOW + MINUTE };
    const expected = {
      phase: "ready",
      jobId: JOB,
      success,
      sinceMs: NOW + MINUTE,
      untilMs: NOW + 2 * MINUTE,
    };
    const settled = asNext(afterSettling(state("settle"), now), "ready");
    const atOnce = asNext(succeed({ ...success, jobId: JOB }, UNSEEN, now), "ready");
    for (const decision of [settled, atOnce]) {
      expect(decision).toMatchObject({ delayMs: 0, lock: "keep", events: [], state: expected });
    }
  });

  it.each(["replaced", "kept"] as const)("teaches that the disk was %s", (disk) => {
    const decision = succeed({ ...success, disk, volumeType: undefined }, UNSEEN, moment());
    expect(asFinal(decision, "succeeded").sample).toEqual({ volumeType: null, disk });
  });

  it("teaches nothing where the disk was not seen, and names no job it does not know", () => {
    const decision = asFinal(
      succeed({ ...success, disk: "unseen" }, UNSEEN, moment()),
      "succeeded",
    );
    expect(decision.sample).toBeNull();
    expect(decision.draft.data["job_id"]).toBeNull();
  });
});
