import { describe, expect, it } from "vitest";
import { createCommonClock } from "../../../src/adapters/common-clock.ts";
import { systemClock } from "../../../src/adapters/system-clock.ts";

const NOON_MS = 1_700_000_000_000;

/** A machine whose clock is off by `offMs`. */
function setUp() {
  const time = { offMs: 0, passedMs: 0 };
  const clock = createCommonClock({
    ...systemClock,
    nowMs: () => NOON_MS + time.offMs + time.passedMs,
    monotonicMs: () => 5_000 + time.passedMs,
  });
  const trueMs = () => NOON_MS + time.passedMs;
  /** How far the clock is from the truth. */
  const errorMs = () => clock.nowMs() - trueMs();
  /** Redis is asked, whose own clock is off by so much. */
  const seeRedis = (redisOffMs = 0) => clock.sawRedis(time.offMs - redisOffMs);
  const seeCloud = (cloudOffMs = 0) => clock.followCloud(() => trueMs() + cloudOffMs);
  return { time, clock, errorMs, seeRedis, seeCloud };
}

describe("the time that a worker goes by", () => {
  it("is the machine's as long as nothing else is known, or Redis agrees", () => {
    const { time, clock, errorMs, seeRedis } = setUp();
    time.offMs = 300_000;
    expect([errorMs(), clock.aheadOfRedisMs()]).toEqual([300_000, null]);
    time.offMs = 4_000;
    seeRedis();
    expect([errorMs(), clock.aheadOfRedisMs()]).toEqual([4_000, 4_000]);
  });

  it.each([30_000, -30_000, 3_600_000, -3_600_000])(
    "is Redis's where the machine's is off by %i ms, also if it jumps later",
    (offMs) => {
      const { time, clock, errorMs, seeRedis } = setUp();
      seeRedis();
      time.passedMs = 900;
      time.offMs = offMs;
      // Whatever is told Redis is told in its time, before it was looked at again.
      expect([errorMs(), clock.aheadOfRedisMs()]).toEqual([0, 0]);
      seeRedis();
      time.passedMs = 60_000;
      expect(errorMs()).toBe(0);
      time.offMs = 0;
      expect([errorMs(), clock.aheadOfRedisMs()]).toEqual([0, 0]);
    },
  );

  it("is that of machine and cloud where Redis's is wrong", () => {
    const { time, errorMs, seeRedis, seeCloud } = setUp();
    seeCloud(-800);
    seeRedis(3_600_000);
    expect(Math.abs(errorMs())).toBeLessThanOrEqual(800);
    seeRedis(-3_600_000);
    time.passedMs = 10_000;
    expect(Math.abs(errorMs())).toBeLessThanOrEqual(800);
  });

  it("is that of machine and Redis where the cloud's is wrong, and of Redis and cloud where the machine's is", () => {
    const { time, errorMs, seeRedis, seeCloud } = setUp();
    seeRedis();
    seeCloud(600_000);
    expect(errorMs()).toBe(0);
    seeCloud(-800);
    time.offMs = 600_000;
    expect(Math.abs(errorMs())).toBeLessThanOrEqual(800);
  });

  it("never leaves the three that there are", () => {
    const { time, errorMs, seeRedis, seeCloud } = setUp();
    seeRedis(-20_000);
    seeCloud(40_000);
    time.offMs = 10_000;
    seeRedis(-20_000);
    expect(errorMs()).toBe(10_000);
  });
});
