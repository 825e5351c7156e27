import { describe, expect, it } from "vitest";
import {
  afterReadyAnswer,
  afterReadyLook,
  askedNoMore,
} from "../../../../src/core/decisions/decide-ready.ts";
import { leftAs, powerSaid } from "../../../../src/core/server/power.ts";
import {
  ABSENT,
  asFinal,
  asNext,
  MINUTE,
  moment,
  NOW,
  REFUSED,
  RULES,
  SECOND,
  seen,
  state,
  UNASKED,
  UNREADABLE,
} from "../builders.ts";

const ADDRESS = "10.0.0.7";
const CURRENT = state("ready", { address: ADDRESS });
const REFUSES = { kind: "silent", detail: "tcp:22: connection refused" } as const;
const ON = { status: "ACTIVE", vmState: "active", address: ADDRESS } as const;
const at = (afterMs: number) => moment({ nowMs: NOW + afterMs });

describe("an ask", () => {
  it("that is answered ends the command, and heals until now", () => {
    const { draft, healedAtMs, lock } = asFinal(
      afterReadyAnswer(CURRENT, { kind: "answered" }, at(42 * SECOND)),
      "succeeded",
    );
    expect(draft.data).toMatchObject({ evidence: "job", ready: true, ready_seconds: 42 });
    expect(draft.data).not.toHaveProperty("ready_detail");
    expect([healedAtMs, lock]).toEqual([NOW + 42 * SECOND, "free"]);
  });

  it.each([
    [0, 2 * SECOND],
    [45 * SECOND, 5 * SECOND],
    [3 * MINUTE, 30 * SECOND],
    [6 * MINUTE, MINUTE],
    // The last ask is made when the time is over, not a long rung later.
    [9 * MINUTE + 50 * SECOND, 10 * SECOND],
    [10 * MINUTE - 1, 2 * SECOND],
  ])("that is not answered after %i ms is followed by another after %i", (ageMs, delayMs) => {
    const decision = asNext(afterReadyAnswer(CURRENT, REFUSES, at(ageMs)), "ready");
    expect(decision).toMatchObject({ delayMs, lock: "keep", events: [], state: CURRENT });
  });

  it("that is not answered once the time is over says so, and heals only what was before", () => {
    const { draft, healedAtMs } = asFinal(
      afterReadyAnswer(CURRENT, REFUSES, at(10 * MINUTE)),
      "succeeded",
    );
    expect(draft.data).toMatchObject({
      verified: true,
      ready: false,
      ready_seconds: 600,
      ready_detail: REFUSES.detail,
    });
    expect(healedAtMs).toBe(NOW);
  });

  it("that is answered long after the time is over counts", () => {
    const decision = afterReadyAnswer(CURRENT, { kind: "answered" }, at(50 * MINUTE));
    expect(asFinal(decision, "succeeded").draft.data).toMatchObject({ ready: true });
  });

  it("that was not made decides nothing, however late it is", () => {
    const decision = afterReadyAnswer(CURRENT, { kind: "unasked" }, at(50 * MINUTE));
    expect(asNext(decision, "ready").delayMs).toBe(RULES.ladderMs[0]);
  });
});

describe("the look before the first ask", () => {
  const FRESH = state("ready");
  const LATE = at(10 * MINUTE);

  it("names the address to ask", () => {
    expect(afterReadyLook(FRESH, seen(ON), at(0))).toEqual({ kind: "ask", address: ADDRESS });
  });

  it.each([
    ["that shows no address", seen({ ...ON, address: null })],
    ["that is refused", REFUSED],
    ["that cannot be read", UNREADABLE],
    ["that was not made", UNASKED],
  ])("%s is repeated", (_, look) => {
    const decision = asNext(afterReadyLook(FRESH, look, at(0)), "ready");
    expect(decision.delayMs).toBeGreaterThanOrEqual(2 * SECOND);
  });

  it("that was not made for want of a call is owed, however late it is", () => {
    asNext(afterReadyLook(FRESH, UNASKED, LATE), "ready");
  });

  it.each([
    ["a server that is gone", ABSENT, at(0)],
    ["a look that is refused to the end", REFUSED, LATE],
    ["a cloud that cannot be read to the end", UNREADABLE, LATE],
    ["a server that is off as it was found", seen(), at(0)],
  ])("of %s: nobody asks, and nothing is said of ready", (_, look, now) => {
    const power = powerSaid({ was: "off", mayHaveStopped: false }, "off");
    const current = { ...FRESH, success: { ...FRESH.success, power } };
    const { draft, healedAtMs } = asFinal(afterReadyLook(current, look, now), "succeeded");
    expect(draft.data).toMatchObject({ power });
    expect(draft.data).not.toHaveProperty("ready");
    expect(healedAtMs).toBe(NOW);
  });

  it("of a server that could not be started says at once that it is not ready", () => {
    const power = leftAs({ was: "on", mayHaveStopped: true }, "off");
    const current = { ...FRESH, success: { ...FRESH.success, power } };
    const { draft } = asFinal(afterReadyLook(current, seen(), at(0)), "succeeded");
    expect(draft.data).toMatchObject({ ready: false, ready_detail: "the server is off" });
  });

  it("that shows no address to the end says that it is not ready, and why", () => {
    const decision = afterReadyLook(FRESH, seen({ ...ON, address: null }), LATE);
    expect(asFinal(decision, "succeeded").draft.data).toMatchObject({
      ready: false,
      ready_detail: "the cloud names no address of the server",
    });
  });
});

it("a success that is asked no more teaches what it would have taught", () => {
  const { sample, healedAtMs } = asFinal(askedNoMore(CURRENT), "succeeded");
  expect(sample).toEqual({ volumeType: "SSD", disk: "replaced" });
  expect(healedAtMs).toBe(NOW);
});
