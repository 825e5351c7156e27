import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pollDelay } from "../../../../src/core/waiting/backoff.ts";
import { jobKind, type LikelyEnd, likelyEnd } from "../../../../src/core/calls/likely-end.ts";
import {
  firstPollMs,
  isOwedQuery,
  teaches,
  tookMs,
  untilNextGlance,
  untilNextPoll,
} from "../../../../src/core/calls/poll-plan.ts";
import { BEFORE, CALM, LADDER, MINUTE, moment, NOW, RULES, SECOND, state } from "../builders.ts";

const LONGEST = 5 * MINUTE;
/** Jobs of 90 s ± 20 %. */
const LIKELY: LikelyEnd = { fromMs: 73 * SECOND, toMs: 107 * SECOND };

const anyLadder = fc
  .uniqueArray(fc.integer({ min: 10, max: 600_000 }), { minLength: 1, maxLength: 8 })
  .map((rungs) => rungs.toSorted((a, b) => a - b));
const anyAge = fc.integer({ min: -MINUTE, max: 90_000_000 });
const anyChance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const anyDurations = fc.array(fc.integer({ min: 0, max: 7_200_000 }), { maxLength: 50 });
const anyLikely = anyDurations.map(likelyEnd);
const anyKnown = fc
  .array(fc.integer({ min: 10_000, max: 7_200_000 }), { minLength: 5, maxLength: 50 })
  .map((durations) => likelyEnd(durations) as LikelyEnd);

function next(ageMs: number, likely: LikelyEnd | null = LIKELY, random = CALM, ladderMs = LADDER) {
  return untilNextPoll(ageMs, { random, rules: { ...RULES, ladderMs }, likelyEnd: likely });
}

describe("when jobs are likely to end", () => {
  it.each<[string, number[], LikelyEnd | null]>([
    ["nothing was learned", [], null],
    ["four jobs say little", [60, 61, 62, 63], null],
    ["of five jobs the shortest and the longest count", [64, 60, 62, 61, 63], range(60, 64)],
    ["short jobs are not foreseen", [9, 60, 61, 62, 63], null],
    ["one in twenty is left out on each side", [1, 900, ...repeated(18, 60)], range(60, 60)],
  ])("%s", (_, seconds, expected) => {
    expect(likelyEnd(seconds.map((one) => one * SECOND))).toEqual(expected);
  });

  it("is from 10 s on, and not before it begins", () => {
    fc.assert(
      fc.property(anyDurations, (durations) => {
        const likely = likelyEnd(durations);
        if (likely === null) return;
        expect(likely.fromMs).toBeGreaterThanOrEqual(10_000);
        expect(likely.toMs).toBeGreaterThanOrEqual(likely.fromMs);
        expect(durations).toEqual(expect.arrayContaining([likely.fromMs, likely.toMs]));
      }),
    );
  });

  it.each([
    [{}, "SSD/unknown/off"],
    [{ volumeType: undefined }, "untyped/unknown/off"],
    [{ osType: "windows" }, "SSD/windows/off"],
    [{ status: "ACTIVE" }, "SSD/unknown/on"],
    [{ status: "ERROR" }, "SSD/unknown/off"],
  ])("is known apart for each kind: of %j it is %s", (changed, kind) => {
    expect(jobKind({ ...BEFORE, volumeType: "SSD", ...changed })).toBe(kind);
  });
});

describe("the next poll of a job whose end is foreseen", () => {
  it.each([
    ["right after the POST, when the first of them end", 0, 73_000 + 0.9 * 5_000],
    ["of a clock that went back", -MINUTE, 73_000 + 0.9 * 5_000],
    ["before that, the rest of it", 40 * SECOND, 33_000 + 0.9 * 5_000],
    ["while they end, closely", 75 * SECOND, 5_000],
    ["a little longer than they take, as closely", 112 * SECOND, 5_000],
    ["of a straggler, by its age", 2 * MINUTE, 10_000],
    ["of one that takes for ever, by its age", 40 * MINUTE, 60_000],
  ])("%s", (_, ageMs, expected) => {
    expect(next(ageMs)).toBe(expected);
  });

  it("is 5 min away at most, for jobs that take longer", () => {
    const likely = { fromMs: 20 * MINUTE, toMs: 25 * MINUTE };
    expect([0, 5, 10, 15].map((minute) => next(minute * MINUTE, likely, 0))).toEqual([
      LONGEST,
      LONGEST,
      LONGEST,
      LONGEST,
    ]);
    expect(next(17 * MINUTE, likely, 0)).toBe(3 * MINUTE);
  });

  it("is not behind the deadline", () => {
    const rules = { ...RULES, jobDeadlineMs: MINUTE };
    expect(untilNextPoll(0, { random: CALM, rules, likelyEnd: LIKELY })).toBe(MINUTE);
  });

  it("comes when it does by the job's age alone where nothing is known", () => {
    fc.assert(
      fc.property(anyAge, anyLadder, anyChance, (ageMs, ladder, random) => {
        expect(next(ageMs, null, random, ladder)).toBe(pollDelay(ageMs, ladder, random));
      }),
    );
  });

  it("as the first one is never before 10 s, nor after 5 min unless the ladder begins there", () => {
    fc.assert(
      fc.property(anyKnown, anyLadder, anyChance, (likely, ladder, random) => {
        const delay = next(0, likely, random, ladder);
        expect(delay).toBeGreaterThanOrEqual(10_000);
        expect(delay).toBeLessThanOrEqual(Math.max(LONGEST, ladder[0] ?? 0));
      }),
    );
  });

  it("is never sooner than the shortest rung, and once they end never later than by age alone", () => {
    fc.assert(
      fc.property(anyAge, anyLikely, anyLadder, anyChance, (ageMs, likely, ladder, random) => {
        const delay = next(ageMs, likely, random, ladder);
        expect(delay).toBeGreaterThanOrEqual(ladder[0] ?? 0);
        if (likely !== null && ageMs < likely.fromMs) {
          expect(delay).toBeLessThanOrEqual(Math.max(LONGEST, ladder[0] ?? 0));
        } else {
          expect(delay).toBeLessThanOrEqual(pollDelay(ageMs, ladder, random));
        }
      }),
    );
  });

  it("of jobs that take longer by so much is not sooner for that", () => {
    const anyMore = fc.integer({ min: 0, max: 3_600_000 });
    fc.assert(
      fc.property(anyKnown, anyMore, anyLadder, anyChance, (likely, moreMs, ladder, random) => {
        const longer = { fromMs: likely.fromMs + moreMs, toMs: likely.toMs + moreMs };
        expect(next(0, longer, random, ladder)).toBeGreaterThanOrEqual(
          next(0, likely, random, ladder),
        );
      }),
    );
  });

  it("is at the same instant for whoever asks again before they end", () => {
    const anyShare = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(anyKnown, anyShare, anyChance, (known, share, random) => {
        fc.pre(known.fromMs < LONGEST / 2);
        const age = Math.round(known.fromMs * share * 0.9);
        const likely = { ...known, toMs: known.fromMs + 30_000 };
        const [first, again] = [next(0, likely, random), age + next(age, likely, random)];
        expect(Math.abs(again - first)).toBeLessThanOrEqual(LADDER[0] ?? 0);
      }),
    );
  });
});

it.each([
  [null, 0],
  [LIKELY, 73_000],
  [range(1_200, 1_500), LONGEST],
])("the first poll of what is known as %j is put off for %i ms", (likely, expected) => {
  expect(firstPollMs(likely)).toBe(expected);
});

describe("following many jobs", () => {
  /** Mean number of polls, and how late the end is seen. */
  function follow(meanMs: number, learned: (job: () => number) => LikelyEnd | null) {
    let seed = 7;
    const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    const job = () => meanMs * (0.8 + 0.4 * random());
    const jobs = 2_000;
    let polls = 0;
    let lateMs = 0;
    for (let i = 0; i < jobs; i++) {
      const likely = learned(job);
      const endMs = job();
      let ageMs = likely === null ? (LADDER[0] ?? 0) : next(0, likely, random());
      polls += 1;
      while (ageMs < endMs) {
        ageMs += next(ageMs, likely, random());
        polls += 1;
      }
      lateMs += ageMs - endMs;
    }
    return { polls: polls / jobs, lateMs: lateMs / jobs };
  }
  const known = (job: () => number) => likelyEnd(Array.from({ length: 50 }, job));

  it("of 90 s ± 20 % takes at most 9 polls, and sees the end at most 2.5 s late, in the mean", () => {
    const { polls, lateMs } = follow(90 * SECOND, known);
    expect(polls).toBeLessThan(6);
    expect(lateMs).toBeLessThan(2_500);
  });

  it.each([45, 60, 90, 120, 180, 240, 360])(
    "of %i s ± 20 % takes half the polls or less, and is not later than by age alone",
    (seconds) => {
      const learned = follow(seconds * SECOND, known);
      const byAge = follow(seconds * SECOND, () => null);
      expect(learned.polls).toBeLessThan(byAge.polls * 0.6);
      expect(learned.lateMs).toBeLessThan(byAge.lateMs + 500);
    },
  );

  it("that take twice as long as before costs a few polls, and one wait of the ladder", () => {
    const { lateMs } = follow(180 * SECOND, () => LIKELY);
    expect(lateMs).toBeLessThan(5_000);
  });
});

describe("what a job teaches", () => {
  const at = (ageMs: number) => moment({ nowMs: NOW + ageMs });
  const took = (ageMs: number, endedAtMs: number | null) =>
    tookMs(state("watch", { acceptedAtMs: NOW }), { kind: "succeeded", endedAtMs }, at(ageMs));

  it.each([
    ["when the cloud says that it ended", 95 * SECOND, NOW + 93_500, 93_500],
    ["no more than was waited, by a clock that is ahead", 95 * SECOND, NOW + 2 * MINUTE, 95_000],
    ["nothing below zero, by a clock that is behind", 95 * SECOND, NOW - MINUTE, 0],
    ["half a wait before it was seen, when the cloud does not say", 95 * SECOND, null, 92_500],
    ["of an old job half a longer wait", 6 * MINUTE, null, 345_000],
  ])("is %s", (_, ageMs, endedAtMs, expected) => {
    expect(took(ageMs, endedAtMs)).toBe(expected);
  });

  it.each([
    [9_999, null, false],
    [10_000, null, true],
    [1, LIKELY, true],
  ])("%i ms, where %j is known: %s", (duration, known, expected) => {
    expect(teaches(duration, known)).toBe(expected);
  });
});

function range(from: number, to: number): LikelyEnd {
  return { fromMs: from * SECOND, toMs: to * SECOND };
}

function repeated(times: number, seconds: number): number[] {
  return Array.from({ length: times }, () => seconds);
}

it.each([
  [80, LIKELY, 0.49, 2_000],
  [80, LIKELY, 0.5, 5_000],
  [110, LIKELY, 0.49, 2_000],
  [80, range(70, 170), 0.49, 5_000],
  [120, range(70, 270), 0.49, 10_000],
  [120, range(70, 270), 0.5, 10_000],
  [65, range(60, 68), 0.49, 2_000],
])(
  "within the range half of the polls are one rung closer, and none is further than by age: at %i s of %j",
  (age, likely, random, ms) => {
    expect(next(age * SECOND, likely, random)).toBe(ms);
  },
);

describe("a job whose polls are answered by lists", () => {
  const owed = (ageSeconds: number, askedSeconds: number | null, likely: LikelyEnd | null) =>
    isOwedQuery(
      state("watch", {
        acceptedAtMs: NOW,
        ...(askedSeconds !== null && { askedAtMs: NOW + askedSeconds * SECOND }),
      }),
      moment({ nowMs: NOW + ageSeconds * SECOND, likelyEnd: likely }),
    );

  it.each<[age: number, asked: number | null, likely: LikelyEnd | null, expected: boolean]>([
    // Nothing is learned: each 30 s.
    [29, null, null, false],
    [30, null, null, true],
    [59, 30, null, false],
    [60, 30, null, true],
    // From when its kind begins to end: a minute within the range, half a minute behind it.
    [102, null, LIKELY, false],
    [107, null, LIKELY, false],
    [108, null, LIKELY, true],
    [137, 108, LIKELY, false],
    [138, 108, LIKELY, true],
    [60 * 4 + 29, null, range(210, 900), false],
    [60 * 4 + 30, null, range(210, 900), true],
    // Where polls are a minute apart by its age, a list changes nothing.
    [20 * 60, 20 * 60 - 59, null, false],
    [20 * 60, 20 * 60 - 60, null, true],
  ])("at %i s, asked last at %j s, is owed a query or not", (age, asked, likely, expected) => {
    expect(owed(age, asked, likely)).toBe(expected);
  });

  it.each([
    [60, LIKELY, 17_500],
    [80, LIKELY, 2_000],
    [110, LIKELY, 2_000],
    [20, null, 10_000],
    [60, null, 5_000],
  ])("is looked at again at %i s by %j after %i ms", (age, likely, expected) => {
    const rules = { random: CALM, rules: RULES, likelyEnd: likely };
    expect(untilNextGlance(age * SECOND, rules)).toBe(expected);
  });
});
