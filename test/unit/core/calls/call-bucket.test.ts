import { describe, expect, it } from "vitest";
import {
  type CallBucket,
  type CallClass,
  type Pace,
  takeCalls,
} from "../../../../src/core/calls/call-bucket.ts";

const NOW = 1_700_000_000_000;
const TEN: Pace = { perSecond: 10, depth: 4, heldUntilMs: 0 };
const ONE_IN_FIVE: Pace = { perSecond: 0.2, depth: 1, heldUntilMs: 0 };

/** A bucket at a virtual clock. */
function bucketAt(pace: Pace) {
  let bucket: CallBucket | null = null;
  let nowMs = NOW;
  return {
    pass: (ms: number) => {
      nowMs += ms;
    },
    take(ofClass: CallClass, calls = 1, more: { ahead?: number; pace?: Pace } = {}) {
      const { ahead, pace: other = pace } = more;
      const ask = { class: ofClass, calls, ...(ahead !== undefined && { ahead }) };
      const { bucket: next, taken } = takeCalls(bucket, other, ask, nowMs);
      bucket = next;
      return taken;
    },
  };
}
const GRANTED = { kind: "granted", delayMs: 0, spacingMs: 0 };

describe("the bucket of calls", () => {
  it("gives at once what it holds, and then one for each that the rate brings", () => {
    const bucket = bucketAt(TEN);
    for (let n = 0; n < 4; n += 1) expect(bucket.take(4)).toEqual(GRANTED);
    expect(bucket.take(1)).toEqual({ kind: "granted", delayMs: 100, spacingMs: 0 });
    bucket.pass(200);
    expect(bucket.take(1)).toEqual(GRANTED);
  });

  it("never holds more than its depth, however long nobody asks", () => {
    const bucket = bucketAt(TEN);
    bucket.pass(3_600_000);
    for (let n = 0; n < 4; n += 1) expect(bucket.take(1)).toEqual(GRANTED);
    expect(bucket.take(1)).toMatchObject({ delayMs: 100 });
  });

  it.each([
    [1, 10_000],
    [2, 8_000],
    [3, 1_000],
    [4, 500],
  ] as const)("lets class %d take what the rate gives within %d ms", (ofClass, reachMs) => {
    const bucket = bucketAt(TEN);
    const ahead = reachMs / 100;
    bucket.take(1, 4);
    for (let n = 1; n <= ahead; n += 1) {
      expect(bucket.take(ofClass)).toEqual({ kind: "granted", delayMs: 100 * n, spacingMs: 0 });
    }
    expect(bucket.take(ofClass)).toEqual({ kind: "wait", ms: reachMs + 100 });
  });

  it("leaves to a class what those before it have not taken", () => {
    const bucket = bucketAt(TEN);
    bucket.take(1, 4);
    for (let n = 0; n < 20; n += 1) expect(bucket.take(1).kind).toBe("granted");
    expect([bucket.take(4), bucket.take(3)].map(({ kind }) => kind)).toEqual(["wait", "wait"]);
    expect(bucket.take(2).kind).toBe("granted");
  });

  it.each([2, 3, 4] as const)(
    "gives class %d a share when the first takes everything",
    (ofClass) => {
      const bucket = bucketAt(TEN);
      const got: boolean[] = [];
      for (let n = 0; n < 300; n += 1) {
        while (bucket.take(1).kind === "granted");
        got.push(bucket.take(ofClass).kind === "granted");
        bucket.pass(100);
      }
      const granted = got.filter(Boolean).length;
      // One in ten of the 300 calls that the rate brings, at the least half of that.
      expect(granted).toBeGreaterThanOrEqual(15);
      expect(granted).toBeLessThanOrEqual(32);
    },
  );

  it("keeps no call back for a class that does not come for it, where it holds one call only", () => {
    const bucket = bucketAt(ONE_IN_FIVE);
    bucket.take(1);
    expect(bucket.take(4)).toEqual({ kind: "wait", ms: 5_000 });
    // Its share is due from here on; a poll that finds the call there takes it all the same.
    bucket.pass(60_000);
    expect(bucket.take(3)).toEqual(GRANTED);
    // Who is owed one reaches as far as the first, and has the next.
    expect(bucket.take(4)).toEqual({ kind: "granted", delayMs: 5_000, spacingMs: 0 });
    expect(bucket.take(3)).toMatchObject({ kind: "wait" });
  });

  it("spaces the calls of one reservation where it is too small for them", () => {
    const bucket = bucketAt(ONE_IN_FIVE);
    expect(bucket.take(1, 2)).toEqual({ kind: "granted", delayMs: 0, spacingMs: 5_000 });
    // The next may begin when both are paid for.
    expect(bucket.take(1)).toEqual({ kind: "granted", delayMs: 10_000, spacingMs: 0 });
  });

  it("makes nobody overtake who stands before in line", () => {
    const bucket = bucketAt(ONE_IN_FIVE);
    expect(bucket.take(4, 1, { ahead: 1 })).toEqual({ kind: "wait", ms: 5_000 });
    expect(bucket.take(4, 1, { ahead: 0 })).toEqual(GRANTED);
  });

  it("gives nothing while it is held, and then no more than its depth at once", () => {
    const bucket = bucketAt(TEN);
    const pace = { ...TEN, heldUntilMs: NOW + 6_000 };
    expect(bucket.take(4, 1, { pace })).toEqual({ kind: "wait", ms: 6_000 });
    const delays = [1, 2, 3, 4, 5, 6].map(() => bucket.take(1, 1, { pace }));
    expect(delays.map((one) => one.kind === "granted" && one.delayMs)).toEqual([
      6_000, 6_000, 6_000, 6_000, 6_100, 6_200,
    ]);
  });

  it("answers for how long nothing may be sent, and takes nothing, when it is asked for no calls", () => {
    const bucket = bucketAt(TEN);
    const pace = { ...TEN, heldUntilMs: NOW + 6_000 };
    expect(bucket.take(4, 0, { pace })).toEqual({ kind: "granted", delayMs: 6_000, spacingMs: 0 });
    bucket.pass(6_000);
    expect(bucket.take(4, 0, { pace })).toEqual(GRANTED);
    expect(bucket.take(1, 4, { pace })).toEqual(GRANTED);
    // Calls that others have taken ahead are no hold.
    expect(bucket.take(1, 4, { pace })).toMatchObject({ delayMs: 400 });
    expect(bucket.take(4, 0, { pace })).toEqual(GRANTED);
  });
});
