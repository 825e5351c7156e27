import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  delayAfterNothing,
  delayAmong,
  delayForAge,
  pollDelay,
  rungAtLeast,
} from "../../../../src/core/waiting/backoff.ts";
import { CALM, LADDER, MINUTE, SECOND } from "../builders.ts";

const anyLadder = fc
  .uniqueArray(fc.integer({ min: 1, max: 600_000 }), { minLength: 1, maxLength: 8 })
  .map((rungs) => rungs.toSorted((a, b) => a - b));
const anyAge = fc.integer({ min: -MINUTE, max: 90_000_000 });
const anyChance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("the delay among many", () => {
  it.each([
    [0, 2_000],
    [100, 2_000],
    [101, 5_000],
    [500, 10_000],
    [1_500, 30_000],
    [1_501, 60_000],
    [20_000, 60_000],
  ])("of %i is %i ms", (others, delayMs) => {
    expect(delayAmong(others, LADDER)).toBe(delayMs);
  });

  it("lets them make fifty tries a second together, as far as the ladder reaches", () => {
    for (let others = 1; others <= 3_000; others += 1) {
      const delayMs = delayAmong(others, LADDER);
      expect((others * 1_000) / delayMs).toBeLessThanOrEqual(50);
    }
  });
});

describe("the delay for an age", () => {
  it.each([
    [-SECOND, 2_000],
    [0, 2_000],
    [5 * SECOND, 2_000],
    [20 * SECOND, 2_000],
    [29_999, 2_000],
    [30 * SECOND, 5_000],
    [45 * SECOND, 5_000],
    [MINUTE, 10_000],
    [90 * SECOND, 10_000],
    [3 * MINUTE, 30_000],
    [6 * MINUTE, 60_000],
    [24 * 60 * MINUTE, 60_000],
  ])("at %i ms is %i ms", (ageMs, delayMs) => {
    expect(delayForAge(ageMs, LADDER, CALM)).toBe(delayMs);
  });

  it.each([
    [0, 2_000],
    [45 * SECOND, 2_000],
    [6 * MINUTE, 30_000],
  ])("at %i ms is sometimes the rung below, %i ms", (ageMs, delayMs) => {
    expect(delayForAge(ageMs, LADDER, 0.19)).toBe(delayMs);
    expect(delayForAge(ageMs, LADDER, 0)).toBe(delayMs);
  });

  it("is 0 without a ladder", () => {
    expect(delayForAge(MINUTE, [], CALM)).toBe(0);
  });

  it("is always a rung of the ladder", () => {
    fc.assert(
      fc.property(anyAge, anyLadder, anyChance, (ageMs, ladder, random) => {
        expect(ladder).toContain(delayForAge(ageMs, ladder, random));
      }),
    );
  });

  it("never shrinks as the age grows", () => {
    fc.assert(
      fc.property(anyAge, anyAge, anyLadder, anyChance, (a, b, ladder, random) => {
        const younger = delayForAge(Math.min(a, b), ladder, random);
        expect(delayForAge(Math.max(a, b), ladder, random)).toBeGreaterThanOrEqual(younger);
      }),
    );
  });

  it("is never more than a sixth of the age, once that is a rung", () => {
    fc.assert(
      fc.property(anyAge, anyLadder, anyChance, (ageMs, ladder, random) => {
        const smallest = ladder[0] ?? 0;
        fc.pre(ageMs / 6 >= smallest);
        expect(delayForAge(ageMs, ladder, random)).toBeLessThanOrEqual(ageMs / 6);
      }),
    );
  });

  it("with jitter is the rung itself or the one below", () => {
    fc.assert(
      fc.property(anyAge, anyLadder, anyChance, (ageMs, ladder, random) => {
        const calm = ladder.indexOf(delayForAge(ageMs, ladder, CALM));
        const jittered = ladder.indexOf(delayForAge(ageMs, ladder, random));
        expect([calm, Math.max(0, calm - 1)]).toContain(jittered);
      }),
    );
  });
});

describe("the smallest rung that is long enough", () => {
  it.each([
    [-1, 2_000],
    [0, 2_000],
    [2_000, 2_000],
    [2_001, 5_000],
    [30_000, 30_000],
    [60_000, 60_000],
    [60_001, 60_000],
    [Number.POSITIVE_INFINITY, 60_000],
  ])("for %d ms is %i ms", (ms, rung) => {
    expect(rungAtLeast(ms, LADDER)).toBe(rung);
  });

  it("is 0 without a ladder", () => {
    expect(rungAtLeast(5, [])).toBe(0);
  });

  it("is a rung, never shrinks, and is too short only at the top", () => {
    fc.assert(
      fc.property(anyAge, anyAge, anyLadder, (a, b, ladder) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        const rung = rungAtLeast(high, ladder);
        expect(ladder).toContain(rung);
        expect(rung).toBeGreaterThanOrEqual(rungAtLeast(low, ladder));
        expect(rung >= high || rung === ladder.at(-1)).toBe(true);
      }),
    );
  });
});

describe("the delay of a poll", () => {
  /** How often a job of this length is asked, and how late its end is seen, without jitter. */
  function follow(jobMs: number): { polls: number; lateMs: number } {
    let polls = 1;
    let ageMs = LADDER[0] ?? 0;
    while (ageMs < jobMs) {
      ageMs += pollDelay(ageMs, LADDER, CALM);
      polls++;
    }
    return { polls, lateMs: ageMs - jobMs };
  }

  it.each([45, 60, 90, 120, 180, 240, 360])(
    "follows a job of %i s with fewer than 50 polls and sees its end within a tenth of its time",
    (seconds) => {
      const { polls, lateMs } = follow(seconds * SECOND);
      expect(polls).toBeLessThan(50);
      expect(lateMs).toBeLessThanOrEqual(Math.max(5 * SECOND, seconds * 100));
    },
  );

  it("is a rung of the ladder, and no longer than the job is old unless that is the smallest", () => {
    fc.assert(
      fc.property(anyAge, anyLadder, anyChance, (ageMs, ladder, random) => {
        const delay = pollDelay(ageMs, ladder, random);
        expect(ladder).toContain(delay);
        expect(delay).toBeLessThanOrEqual(Math.max(ageMs, ladder[0] ?? 0));
      }),
    );
  });
});

describe("the delay after a call that gave nothing", () => {
  const SHORT = [100, 200, 500, 1_000];

  it.each([
    ["nothing asked", 5_000, { retryAfterMs: null }, LADDER, 5_000],
    ["less asked than planned", 5_000, { retryAfterMs: 1_000 }, LADDER, 5_000],
    ["more asked", 2_000, { retryAfterMs: 9_000 }, LADDER, 9_000],
    ["more asked than the ladder is long", 2_000, { retryAfterMs: 900_000 }, LADDER, 900_000],
    ["a minute asked on a short ladder", 100, { retryAfterMs: 60_000 }, SHORT, 60_000],
    ["held back: no longer than a short rung", 60_000, { heldBack: true }, LADDER, 10_000],
    ["held back for a short while", 2_000, { heldBack: true }, LADDER, 2_000],
    ["held back on a short ladder", 1_000, { heldBack: true }, SHORT, 1_000],
    ["held back on long rungs", 60_000, { heldBack: true }, [20_000, 60_000], 20_000],
  ])("%s", (_what, plannedMs, why, ladder, expected) => {
    expect(delayAfterNothing(plannedMs, why, ladder)).toBe(expected);
  });
});
