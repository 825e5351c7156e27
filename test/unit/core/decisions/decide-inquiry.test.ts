import { describe, expect, it } from "vitest";
import {
  afterInquiryLook,
  afterInquiryStart,
  inquiryDelay,
} from "../../../../src/core/decisions/decide-inquiry.ts";
import type { JobLook, Look } from "../../../../src/core/server/observations.ts";
import type { In } from "../../../../src/core/state/state.ts";
import {
  ABSENT,
  asNext,
  BEFORE,
  HOUR,
  JOB,
  LADDER,
  MINUTE,
  moment,
  NEW_DISK,
  NOW,
  order,
  refusal,
  RULES,
  RUNNING,
  seen,
  state,
  STOPPED,
  UNASKED,
  UNREADABLE,
} from "../builders.ts";

const OPEN = state("inquiry", { fenceAtMs: NOW - HOUR });
const ACCEPTED = state("inquiry", { accepted: { jobId: JOB, atMs: NOW - HOUR }, why: "deadline" });
const SUCCESS: JobLook = { kind: "succeeded", endedAtMs: null };
const FAIL: JobLook = { kind: "failed", cloudCode: "Ecs.0202", message: "no disk" };

function turn(
  current: In<"inquiry">,
  look: Look,
  more: { job?: JobLook; trust?: "trusted" | "untested"; nowMs?: number; young?: boolean } = {},
) {
  const { job = null, trust = "trusted", nowMs = NOW, young = false } = more;
  return afterInquiryLook(order(), current, { job, look, trust, young }, moment({ nowMs }));
}

function settlement(...args: Parameters<typeof turn>) {
  const found = turn(...args);
  if (found.kind !== "settled") throw new Error(`not settled: ${found.kind}`);
  return found.settlement;
}

describe("an inquiry", () => {
  it("is settled by a replaced disk: reinstalled, and healed since it began at the latest", () => {
    expect(settlement(OPEN, seen({ systemDiskId: NEW_DISK }))).toEqual({
      as: "reinstalled",
      data: { evidence: "system-disk-replaced", verified: true },
      healedAtMs: OPEN.sinceMs,
    });
  });

  it("is settled by a replaced disk of a server that is off, also where every server is started", () => {
    const look = seen({ systemDiskId: NEW_DISK });
    const always = moment({ rules: { ...RULES, powerAfter: "on" } });
    const looked = { job: null, look, trust: "trusted" as const, young: false };
    expect(afterInquiryLook(order(), OPEN, looked, always)).toMatchObject({
      kind: "settled",
      settlement: { as: "reinstalled" },
    });
  });

  it("is settled by a replaced disk also where a server is asked whether it is ready", () => {
    const asking = moment({ rules: { ...RULES, readyTimeoutMs: HOUR } });
    const look = seen({ systemDiskId: NEW_DISK, status: "ACTIVE", vmState: "active" });
    expect(
      afterInquiryLook(order(), OPEN, { job: null, look, trust: "trusted", young: false }, asking),
    ).toMatchObject({ kind: "settled", settlement: { as: "reinstalled" } });
  });

  it("is settled by the same disk once the request is dead and the evidence trusted", () => {
    expect(settlement(OPEN, seen())).toMatchObject({ as: "not-reinstalled", healedAtMs: null });
    expect(turn(OPEN, seen(), { trust: "untested" }).kind).toBe("look-again");
    expect(turn(state("inquiry", { fenceAtMs: NOW + MINUTE }), seen()).kind).toBe("look-again");
    expect(turn(state("inquiry", { fenceAtMs: null }), seen()).kind).toBe("look-again");
  });

  describe("of a server that we stopped, whose reinstall was not made", () => {
    const stopped = state("inquiry", { fenceAtMs: NOW - HOUR, power: STOPPED });
    const started = {
      ...stopped,
      start: { askedAtMs: NOW - MINUTE, firstAskedAtMs: NOW - MINUTE },
    };
    const late = { ...stopped, start: { askedAtMs: NOW, firstAskedAtMs: NOW - HOUR } };
    const on = seen({ status: "ACTIVE" });

    it("starts it before that is said, as often as it is seen off", () => {
      expect(turn(stopped, seen())).toEqual({ kind: "start" });
      expect(turn(started, seen())).toEqual({ kind: "start" });
    });

    it("looks again soon while it starts", () => {
      const again = turn(started, seen({ taskState: "powering-on" }));
      expect(again).toMatchObject({ kind: "look-again", decision: { delayMs: LADDER[0] } });
    });

    it.each([
      ["refused", { kind: "refused", refusal: refusal({ message: "locked" }) } as const, "locked"],
      ["not answered", UNREADABLE, UNREADABLE.message],
    ])("says what the cloud said where it is %s for too long", (_, outcome, detail) => {
      const decision = afterInquiryStart(late, outcome, moment());
      const { state: still } = asNext(decision, "inquiry");
      expect(settlement(still, seen())).toMatchObject({
        data: { power: { after: "off", detail } },
      });
    });

    it("says that it runs", () => {
      expect(settlement(started, on)).toMatchObject({
        as: "not-reinstalled",
        data: { power: { before: "on", after: "on" } },
      });
    });

    it("says that it does not, and what to do, where it does not start in time", () => {
      expect(settlement(late, seen()).data["power"]).toMatchObject({
        before: "on",
        after: "off",
        next_step: expect.stringContaining("start it"),
      });
    });

    it("leaves it alone where it was reinstalled, or where it was off before", () => {
      expect(settlement(stopped, seen({ systemDiskId: NEW_DISK })).as).toBe("reinstalled");
      const wasOff = { ...stopped, power: { ...STOPPED, was: "off" as const } };
      expect(settlement(wasOff, seen()).data).not.toHaveProperty("power");
    });

    it("follows the start, whatever the cloud says to it", () => {
      const accepted = { kind: "accepted", jobId: JOB } as const;
      const refused = { kind: "refused", refusal: refusal({ message: "locked" }) } as const;
      for (const outcome of [accepted, UNREADABLE, refused]) {
        expect(afterInquiryStart(started, outcome, moment())).toMatchObject({
          state: { start: { askedAtMs: NOW, firstAskedAtMs: NOW - MINUTE } },
        });
      }
    });
  });

  describe("of which a person has said that nothing was reinstalled", () => {
    const word = { by: "ada", why: "the disk is the old one", atMs: NOW - MINUTE };
    const said = state("inquiry", { fenceAtMs: NOW - HOUR, power: STOPPED, word });
    const unproven = { trust: "untested" as const };
    const on = seen({ status: "ACTIVE" });

    it("starts the server that we stopped, and then it counts", () => {
      expect(turn(said, seen(), unproven)).toEqual({ kind: "start" });
      expect(settlement(said, on, unproven)).toEqual({
        as: "not-reinstalled",
        data: {
          evidence: "person",
          by: "ada",
          why: word.why,
          power: { before: "on", after: "on" },
        },
        healedAtMs: null,
      });
    });

    it("counts at once where no start is owed", () => {
      const wasOff = { ...said, power: { ...STOPPED, was: "off" as const } };
      expect(settlement(wasOff, seen(), unproven).data).not.toHaveProperty("power");
      const untouched = moment({ rules: { ...RULES, powerAfter: "untouched" } });
      const looked = { job: null, look: seen(), trust: "untested" as const, young: false };
      expect(afterInquiryLook(order(), said, looked, untouched).kind).toBe("settled");
    });

    it.each<[string, In<"inquiry">, Look, Parameters<typeof turn>[2]]>([
      ["the request may still arrive", { ...said, fenceAtMs: NOW + MINUTE }, seen(), {}],
      ["its job runs", said, seen(), { job: RUNNING }],
      ["its job cannot be read", said, seen(), { job: UNREADABLE }],
      ["something runs on the server", said, seen({ taskState: "powering-off" }), {}],
      ["the server cannot be seen", said, UNREADABLE, {}],
      ["the store's memory is young", said, seen(), { young: true }],
    ])("is neither started nor settled while %s", (_, current, look, more) => {
      expect(turn(current, look, { ...unproven, ...more })).toMatchObject({
        kind: "look-again",
        decision: { state: { word }, delayMs: expect.any(Number) },
      });
    });

    it("looks again soon, and more slowly the longer it lasts", () => {
      const after = (nowMs: number) => {
        const again = turn(said, UNREADABLE, { nowMs });
        return again.kind === "look-again" && again.decision.kind === "next"
          ? again.decision.delayMs
          : null;
      };
      expect(after(word.atMs)).toBeLessThan(after(NOW + HOUR) ?? 0);
      expect(after(NOW + HOUR)).toBeLessThanOrEqual((LADDER.at(-1) ?? 0) * 1.5);
    });

    it("says nothing against what the cloud proves", () => {
      expect(settlement(said, seen({ systemDiskId: NEW_DISK })).as).toBe("reinstalled");
      expect(settlement({ ...ACCEPTED, word }, seen(), { job: FAIL }).as).toBe("failed");
    });
  });

  it("is not settled by the same disk where the cloud had accepted the request", () => {
    expect(turn(ACCEPTED, seen(), { job: RUNNING }).kind).toBe("look-again");
  });

  it("believes the job that fails, and the one that succeeds if the server agrees", () => {
    expect(settlement(ACCEPTED, seen(), { job: FAIL })).toMatchObject({
      as: "failed",
      data: { evidence: "job", cloud_code: "Ecs.0202" },
    });
    const ended: JobLook = { kind: "succeeded", endedAtMs: NOW - MINUTE };
    expect(settlement(ACCEPTED, seen({ systemDiskId: NEW_DISK }), { job: ended })).toEqual({
      as: "reinstalled",
      data: { evidence: "job", verified: true },
      healedAtMs: NOW - MINUTE,
    });
    // They contradict each other: nobody knows.
    expect(turn(ACCEPTED, seen(), { job: SUCCESS }).kind).toBe("look-again");
    expect(turn(ACCEPTED, seen({ taskState: "rebuilding" }), { job: SUCCESS }).kind).toBe(
      "look-again",
    );
    expect(turn(ACCEPTED, UNREADABLE, { job: SUCCESS }).kind).toBe("look-again");
  });

  it("is settled as failed where the server is gone or broken", () => {
    expect(settlement(OPEN, ABSENT)).toMatchObject({ as: "failed" });
    expect(settlement(OPEN, seen({ systemDiskId: null }))).toMatchObject({
      as: "failed",
      data: { class: "server-broken" },
    });
  });

  it("knows nothing without the disk before", () => {
    const { before: _lost, ...blind } = OPEN;
    expect(turn(blind, seen({ systemDiskId: NEW_DISK })).kind).toBe("look-again");
  });

  it("gives up when its time is over, and not before it has looked once more", () => {
    const last = { nowMs: OPEN.untilMs };
    expect(turn(OPEN, UNREADABLE, last)).toEqual({ kind: "given-up" });
    // The last look is made, whoever else wants calls.
    expect(turn(OPEN, UNASKED, last)).toMatchObject({ kind: "look-again" });
    expect(turn(OPEN, seen({ systemDiskId: NEW_DISK }), last).kind).toBe("settled");
    expect(turn(OPEN, UNREADABLE, { nowMs: OPEN.untilMs - 1 }).kind).toBe("look-again");
  });

  it("keeps what it is about from look to look", () => {
    const found = turn(OPEN, UNREADABLE);
    if (found.kind !== "look-again" || found.decision.kind !== "next") throw new Error("settled");
    expect(found.decision.state).toEqual(OPEN);
    expect(OPEN.before).toEqual(BEFORE);
  });

  it.each([
    [0, MINUTE],
    [10 * MINUTE, MINUTE],
    [30 * MINUTE, 3 * MINUTE],
    [2 * HOUR, 12 * MINUTE],
    [72 * HOUR, 30 * MINUTE],
  ])("looks ever more slowly: at %d ms after %d ms", (ageMs, delayMs) => {
    expect(inquiryDelay(ageMs, [2_000, MINUTE])).toBe(delayMs);
  });
});
