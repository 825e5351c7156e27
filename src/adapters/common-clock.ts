import type { Clock } from "../steps/ports/clock.ts";

/** The time that a worker goes by: this machine's, or that of all others where the machine's alone is wrong. */
export interface CommonClock extends Clock {
  /** Redis's clock was seen; the machine's is ahead of it by so much. */
  sawRedis(machineAheadMs: number): void;
  /** Asked from now on: the cloud's time, by the monotonic clock; null: not known. */
  followCloud(cloudMs: () => number | null): void;
  /** How far this clock is ahead of Redis's, which goes on by the monotonic clock since it was seen; null: never seen. */
  aheadOfRedisMs(): number | null;
}

/** Clocks of healthy machines are milliseconds apart. */
const TOLERANCE_MS = 5_000;

/**
 * Instants travel in messages, from worker to worker: when a step is due, until when a job is followed, when a command expires. A
 * worker whose clock is wrong, or jumps, would end what is not over, and put what is due into the future of all others. So where
 * the machine's clock is not Redis's, the middle one of machine, Redis and cloud counts: one that is wrong alone is outvoted,
 * be it Redis's. The two go on from when they were seen last by the monotonic clock: a jump shows at once.
 */
export function createCommonClock(machine: Clock): CommonClock {
  /** Redis's time at monotonic zero. */
  let redisOriginMs: number | null = null;
  let cloudMs: () => number | null = () => null;

  const redisNowMs = () => (redisOriginMs === null ? null : redisOriginMs + machine.monotonicMs());

  function nowMs(): number {
    const ownMs = machine.nowMs();
    const redisMs = redisNowMs();
    if (redisMs === null) return ownMs;
    if (Math.abs(ownMs - redisMs) <= TOLERANCE_MS) return ownMs;
    const thirdMs = cloudMs();
    if (thirdMs === null) return Math.round(redisMs);
    return Math.round([ownMs, redisMs, thirdMs].toSorted((a, b) => a - b)[1] ?? ownMs);
  }

  return {
    ...machine,
    nowMs,
    sawRedis(machineAheadMs) {
      redisOriginMs = machine.nowMs() - machineAheadMs - machine.monotonicMs();
    },
    followCloud(asked) {
      cloudMs = asked;
    },
    aheadOfRedisMs() {
      const redisMs = redisNowMs();
      return redisMs === null ? null : nowMs() - redisMs;
    },
  };
}
