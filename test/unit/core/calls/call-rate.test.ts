import { describe, expect, it } from "vitest";
import { type CallBucket, takeCalls } from "../../../../src/core/calls/call-bucket.ts";
import {
  type CallLimits,
  type LearnedRate,
  lowered,
  NOTHING_LEARNED,
  paceOf,
  raised,
  slotsAt,
  workSecondsFor,
  type Throttling,
} from "../../../../src/core/calls/call-rate.ts";

const NOW = 1_700_000_000_000;
const LIMITS: CallLimits = { perSecond: 50, burst: 100 };
const MERE: Throttling = { begunMs: NOW - 100, stated: null, retryAfterMs: null, used: 30 };

function after(throttling: Partial<Throttling>, learned = NOTHING_LEARNED, nowMs = NOW) {
  const changed = lowered(learned, { ...MERE, ...throttling }, LIMITS, nowMs);
  if (changed === null) throw new Error("nothing changed");
  return changed;
}

describe("a refusal", () => {
  it.each([
    [{ calls: 200, perMs: 300_000 }, 0.49, 50],
    [{ calls: 40, perMs: 10_000 }, 3.78, 2],
    [{ calls: 12, perMs: 1_000 }, 9.8, 2],
    [{ calls: 1, perMs: 5_000 }, 0.192, 1],
  ])(
    "with the limit in figures (%j) sets the rate to a little less: %d a second",
    (stated, rate, depth) => {
      const learned = after({ stated });
      expect(learned.perSecond).toBeCloseTo(rate, 2);
      expect(learned.depth).toBe(depth);
      // So many fit into a window wherever it begins: what is there at once, and what comes until it ends.
      expect(depth + (learned.perSecond * stated.perMs) / 1000).toBeLessThan(stated.calls + 1);
    },
  );

  it("without figures halves what was used, not what would have been allowed", () => {
    expect(after({})).toMatchObject({ perSecond: 15, ceiling: 30 });
    expect(after({ used: 400 })).toMatchObject({ perSecond: 25, ceiling: 50 });
  });

  it("halves what was learned, the next time", () => {
    const once = { ...after({}), passedMs: NOW + 1_000 };
    expect(after({ begunMs: NOW + 2_000 }, once, NOW + 2_100)).toMatchObject({
      perSecond: 7.5,
      ceiling: 15,
    });
  });

  it("lowers it once for all calls that were under way", () => {
    const once = { ...after({}), passedMs: NOW + 1_000 };
    expect(lowered(once, { ...MERE, begunMs: NOW }, LIMITS, NOW + 1_200)).toBeNull();
  });

  it("of a call under way then is kept all the same where it asks for a wait", () => {
    const once = after({});
    const asking = { ...MERE, begunMs: NOW, retryAfterMs: 60_000 };
    expect(lowered(once, asking, LIMITS, NOW + 100)).toMatchObject({
      perSecond: once.perSecond,
      heldUntilMs: NOW + 60_100,
    });
  });

  it("says nothing of the rate while no call has passed since the last: the window is not over", () => {
    let learned = after({});
    const holds = [learned.holdMs];
    for (let nowMs = NOW + 5_000; holds.length < 8; nowMs += 100_000) {
      learned = after({ begunMs: nowMs - 10 }, learned, nowMs);
      holds.push(learned.holdMs);
      expect(learned.perSecond).toBe(15);
    }
    expect(holds).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  it("holds all calls for as long as the cloud asks", () => {
    expect(after({ retryAfterMs: 240_000 })).toMatchObject({ heldUntilMs: NOW + 240_000 });
    const held: LearnedRate = { ...NOTHING_LEARNED, heldUntilMs: NOW + 500_000 };
    expect(after({ retryAfterMs: 240_000 }, held).heldUntilMs).toBe(NOW + 500_000);
  });

  it("with figures that are no lower than the rate makes room for who else uses the quota", () => {
    const stated = { calls: 40, perMs: 10_000 };
    const once = { ...after({ stated }), passedMs: NOW + 20_000 };
    const again = after({ stated, begunMs: NOW + 30_000 }, once, NOW + 30_100);
    expect(again.perSecond).toBeCloseTo(0.9 * once.perSecond);
    // And takes it back when it is quiet, but not more.
    const quiet = { ...again, passedMs: NOW + 60_000 };
    const back = raised(quiet, LIMITS, NOW + 60_000);
    expect(back?.perSecond).toBeGreaterThan(again.perSecond);
    const end = raised({ ...quiet, ...back, passedMs: NOW + 90_000 }, LIMITS, NOW + 90_000);
    expect(end?.perSecond).toBeCloseTo(once.perSecond);
    expect(raised({ ...quiet, ...end, passedMs: NOW + 120_000 }, LIMITS, NOW + 120_000)).toBeNull();
  });

  it("never goes below what is configured as the least", () => {
    const limits = { ...LIMITS, least: 20 };
    const mere = lowered(NOTHING_LEARNED, MERE, limits, NOW);
    expect(mere).toMatchObject({ perSecond: 20, heldUntilMs: NOW + 1_000 });
    const stated = { calls: 1, perMs: 5_000 };
    expect(lowered(NOTHING_LEARNED, { ...MERE, stated }, limits, NOW)).toMatchObject({
      perSecond: 20,
      depth: 4,
    });
  });

  it("never goes below one call in ten seconds", () => {
    let learned = NOTHING_LEARNED;
    for (let n = 1; n < 20; n += 1) {
      const nowMs = NOW + n * 100_000;
      learned = after(
        { begunMs: nowMs - 10, used: 1 },
        { ...learned, passedMs: nowMs - 50 },
        nowMs,
      );
    }
    expect(learned.perSecond).toBe(0.1);
    expect(after({ stated: { calls: 1, perMs: 3_600_000 } }).perSecond).toBe(0.1);
  });
});

describe("quiet success", () => {
  const low = { ...after({}), passedMs: NOW + 5_000 };

  it("raises it by a twelfth of what it was, ten seconds after the last change", () => {
    expect(raised(low, LIMITS, NOW + 9_999)).toBeNull();
    expect(raised(low, LIMITS, NOW + 10_000)).toMatchObject({ perSecond: 17.5 });
  });

  it("does not without a call that has passed since", () => {
    expect(raised({ ...low, passedMs: NOW - 1 }, LIMITS, NOW + 60_000)).toBeNull();
  });

  it("does not for ten minutes where the cloud said its limit in figures", () => {
    const stated = { ...after({ stated: { calls: 12, perMs: 1_000 } }), passedMs: NOW + 5_000 };
    expect(raised(stated, LIMITS, NOW + 599_999)).toBeNull();
    expect(raised(stated, LIMITS, NOW + 600_000)?.perSecond).toBeGreaterThan(stated.perSecond);
  });

  it("never raises it above the configured rate, and forgets it there", () => {
    let learned: LearnedRate = low;
    for (let n = 1; learned.perSecond > 0; n += 1) {
      const nowMs = NOW + n * 10_000;
      learned = raised({ ...learned, passedMs: nowMs - 1 }, LIMITS, nowMs) ?? learned;
      expect(paceOf(learned, LIMITS).perSecond).toBeLessThanOrEqual(50);
      expect(n).toBeLessThan(30);
    }
    expect(paceOf(learned, LIMITS)).toMatchObject({ perSecond: 50, depth: 100 });
  });

  it("is bounded by a configured rate that was lowered since", () => {
    expect(paceOf(low, { perSecond: 2, burst: 1 })).toMatchObject({ perSecond: 2, depth: 1 });
  });
});

it.each([
  [50, 500],
  [3.78, 37],
  [0.192, 1],
  [0.1, 1],
])("at %d calls a second %d commands are in progress at most", (perSecond, slots) => {
  expect(slotsAt({ perSecond })).toBe(slots);
});

it.each([
  ["nothing is known of", null, 10, 2],
  ["of 20 s", 20_000, 10, 2],
  ["of a minute", 60_000, 19, 3],
  ["of two minutes", 120_000, 34, 6],
  ["of an hour", 3_600_000, 40, 8],
])(
  "jobs %s: a command in work does with one call in so many seconds",
  (_, jobMs, seconds, slots) => {
    expect(workSecondsFor(jobMs)).toBe(seconds);
    expect(slotsAt({ perSecond: 0.2 }, seconds)).toBe(slots);
  },
);

/** A cloud that lets so many calls through in a window that begins with its first call. */
interface Quota {
  readonly calls: number;
  readonly perMs: number;
  readonly says: "text" | "header" | "nothing";
}

/** Somebody who always wants calls, `workers` at a time, against that cloud, for so long; virtual time. */
function play({ calls, perMs, says }: Quota, forMs: number, workers = 8) {
  let learned = NOTHING_LEARNED;
  let bucket: CallBucket | null = null;
  let window = { endsMs: 0, taken: 0 };
  let passed = 0;
  const refusedAt: number[] = [];
  const events: { readonly atMs: number; readonly run: (nowMs: number) => void }[] = [];
  let used = { second: 0, calls: 0 };

  const ask = (nowMs: number): void => {
    const { bucket: next, taken } = takeCalls(
      bucket,
      paceOf(learned, LIMITS),
      { class: 1, calls: 1 },
      nowMs,
    );
    bucket = next;
    if (taken.kind === "wait") return void events.push({ atMs: nowMs + taken.ms, run: ask });
    const second = Math.floor(nowMs / 1000);
    used = { second, calls: used.second === second ? used.calls + 1 : 1 };
    events.push({ atMs: nowMs + taken.delayMs, run: send });
  };
  const send = (begunMs: number): void => {
    // A hold that began meanwhile is seen before the call goes out.
    if (learned.heldUntilMs > begunMs)
      return void events.push({ atMs: learned.heldUntilMs, run: ask });
    events.push({ atMs: begunMs + 30, run: (nowMs) => answer(begunMs, nowMs) });
  };
  const answer = (begunMs: number, nowMs: number): void => {
    if (nowMs >= window.endsMs) window = { endsMs: nowMs + perMs, taken: 0 };
    if (window.taken < calls) {
      window.taken += 1;
      passed += 1;
      learned = { ...learned, passedMs: Math.max(learned.passedMs, begunMs) };
      learned = raised(learned, LIMITS, nowMs) ?? learned;
    } else {
      refusedAt.push(nowMs);
      const stated = says === "text" ? { calls, perMs } : null;
      const untilMs = Math.ceil((window.endsMs - nowMs) / 1000) * 1000;
      const retryAfterMs = { text: perMs, header: untilMs, nothing: null }[says];
      const throttling = { begunMs, stated, retryAfterMs, used: used.calls };
      learned = lowered(learned, throttling, LIMITS, nowMs) ?? learned;
    }
    ask(nowMs);
  };
  for (let n = 0; n < workers; n += 1) events.push({ atMs: NOW, run: ask });
  for (;;) {
    events.sort((a, b) => a.atMs - b.atMs);
    const event = events.shift();
    if (event === undefined || event.atMs > NOW + forMs) break;
    event.run(event.atMs);
  }
  const late = refusedAt.filter((atMs) => atMs > NOW + 20_000).length;
  return { passed, late, possible: (calls * forMs) / perMs };
}

describe("against a cloud with a quota, in virtual time", () => {
  it.each<[Quota, { readonly used: number; readonly refused: number }]>([
    [
      { calls: 12, perMs: 1_000, says: "text" },
      { used: 0.78, refused: 0.01 },
    ],
    [
      { calls: 40, perMs: 10_000, says: "text" },
      { used: 0.9, refused: 0.01 },
    ],
    [
      { calls: 1, perMs: 5_000, says: "text" },
      { used: 0.95, refused: 0.01 },
    ],
    [
      { calls: 12, perMs: 1_000, says: "header" },
      { used: 0.67, refused: 0.05 },
    ],
    [
      { calls: 40, perMs: 10_000, says: "header" },
      { used: 0.67, refused: 0.05 },
    ],
    // So few calls tell little.
    [
      { calls: 1, perMs: 5_000, says: "header" },
      { used: 0.5, refused: 0.15 },
    ],
    [
      { calls: 12, perMs: 1_000, says: "nothing" },
      { used: 0.67, refused: 0.05 },
    ],
    [
      { calls: 40, perMs: 10_000, says: "nothing" },
      { used: 0.67, refused: 0.05 },
    ],
    [
      { calls: 1, perMs: 5_000, says: "nothing" },
      { used: 0.5, refused: 0.2 },
    ],
  ])(
    "%j: uses it to %j of what is possible at least, and is refused so often at most",
    (quota, bounds) => {
      const { passed, late, possible } = play(quota, 300_000);
      expect(passed / possible).toBeGreaterThan(bounds.used);
      expect(late / (passed + late)).toBeLessThan(bounds.refused);
    },
  );
});
