import type { Clock } from "./ports/clock.ts";

/** How far behind the work queue is, by the messages that this worker takes from it. Kept in memory. */
export interface WorkLag {
  /** A message was taken that had entered the queue at that time, epoch ms. */
  took(enteredMs: number): void;
  /**
   * The longest that one of them had lain there, ms, of those that were taken within the last window (two at the most). 0: they were
   * taken at once; or none was delivered for so long, and then nothing waits: a worker that consumes is given what there is.
   */
  behindMs(): number;
}

/** Nothing was taken yet. `windowMs` must be longer than steps take while nothing hangs: a worker with full hands is not one to whom nothing comes. */
export function createWorkLag(
  clock: Pick<Clock, "nowMs" | "monotonicMs">,
  windowMs: number,
): WorkLag {
  let window = 0;
  let longest = 0;
  let before = 0;

  function turn(): void {
    const now = Math.floor(clock.monotonicMs() / windowMs);
    if (now === window) return;
    before = now === window + 1 ? longest : 0;
    longest = 0;
    window = now;
  }

  return {
    took(enteredMs) {
      turn();
      longest = Math.max(longest, clock.nowMs() - enteredMs);
    },
    behindMs() {
      turn();
      return Math.max(longest, before);
    },
  };
}
