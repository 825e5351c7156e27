/** Where the simulator takes the time from. Tests may hand in their own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

export type Schedule = ReturnType<typeof createSchedule>;

/**
 * What is going to happen in the cloud, by instant. Nothing runs by itself: whoever looks at the cloud calls `catchUp`
 * first, so a simulator needs no timer of its own, costs nothing while nobody looks, and obeys an injected clock exactly.
 */
export function createSchedule(clock: Clock) {
  const due: { readonly atMs: number; readonly run: () => void }[] = [];
  let runningAtMs: number | undefined;

  return {
    /** The present instant; inside a scheduled step the instant for which it was scheduled. */
    nowMs(): number {
      return runningAtMs ?? clock.nowMs();
    },

    /** Steps of one instant run in the order in which they were scheduled. */
    at(atMs: number, run: () => void): void {
      let low = 0;
      let high = due.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if ((due[middle]?.atMs ?? 0) <= atMs) low = middle + 1;
        else high = middle;
      }
      due.splice(low, 0, { atMs, run });
    },

    /** Runs every step whose instant has come, in order, including steps that these steps schedule. */
    catchUp(): void {
      if (runningAtMs !== undefined) return;
      const untilMs = clock.nowMs();
      try {
        for (let next = due[0]; next !== undefined && next.atMs <= untilMs; next = due[0]) {
          due.shift();
          runningAtMs = next.atMs;
          next.run();
        }
      } finally {
        runningAtMs = undefined;
      }
    },

    clear(): void {
      due.length = 0;
    },
  };
}
