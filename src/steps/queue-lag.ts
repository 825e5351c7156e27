import type { Clock } from "./ports/clock.ts";

/**
 * How late the messages are that workers take from the work queue now. The queue is first in, first out: a message that is no
 * later than these may still stand behind them, and is not lost.
 */
export interface QueueLag {
  /** A message is taken for the first time that was due then, epoch ms. */
  taken(dueMs: number): void;
  /** The most that one was late lately, in ms; 0: none was, or none was taken. */
  latestMs(): number;
}

/** @param windowMs what was seen counts for so long, and for at most twice as long */
export function createQueueLag(clock: Clock, windowMs: number): QueueLag {
  let beganMs = clock.monotonicMs();
  let before = 0;
  let most = 0;

  function roll(): void {
    const passedMs = clock.monotonicMs() - beganMs;
    if (passedMs < windowMs) return;
    before = passedMs < 2 * windowMs ? most : 0;
    most = 0;
    beganMs = clock.monotonicMs();
  }

  return {
    taken(dueMs) {
      roll();
      most = Math.max(most, clock.nowMs() - dueMs);
    },
    latestMs() {
      roll();
      return Math.max(before, most);
    },
  };
}
