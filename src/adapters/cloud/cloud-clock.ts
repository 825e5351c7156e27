import type { Clock } from "../../steps/ports/clock.ts";

/** The cloud's clock, as its answers (header `Date`) give it. Durations in milliseconds. */
export interface CloudClock {
  /**
   * How far the cloud is ahead of us now; null: no answer has said it yet. Goes on from the last answer by the monotonic
   * clock: when our own clock jumps, or is put right, this shows it at once.
   */
  offsetMs(): number | null;
  /** The cloud's time now, from the last answer on by the monotonic clock; null: no answer has said it yet. */
  timeMs(): number | null;
  learn(cloudTimeMs: number): void;
  /** Would a signature made now be refused for its date alone? */
  isTooFar(): boolean;
  /** Would a signature of this date have been refused for it alone, by a cloud whose answer said this time? */
  explains(cloudTimeMs: number, dateMs: number): boolean;
}

/** `Date` has whole seconds, a signature too, and the exchange takes a while. */
const IMPRECISION_MS = 5_000;

/** `windowMs`: a signature is refused when its date is further from the cloud's clock (ECS API notes §6.3). */
export function createCloudClock(
  clock: Pick<Clock, "nowMs" | "monotonicMs">,
  windowMs: number,
): CloudClock {
  /** The cloud's time at monotonic zero. */
  let originMs: number | null = null;
  const limitMs = Math.max(windowMs - IMPRECISION_MS, windowMs / 2);

  const offsetMs = () =>
    originMs === null ? null : Math.round(originMs + clock.monotonicMs() - clock.nowMs());
  return {
    offsetMs,
    timeMs: () => (originMs === null ? null : originMs + clock.monotonicMs()),
    learn(cloudTimeMs) {
      originMs = cloudTimeMs - clock.monotonicMs();
    },
    isTooFar: () => Math.abs(offsetMs() ?? 0) >= limitMs,
    explains: (cloudTimeMs, dateMs) => Math.abs(cloudTimeMs - dateMs) >= limitMs,
  };
}
