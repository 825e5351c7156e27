import type { QueueRole } from "../contract/labels.ts";
import type { Clock } from "../steps/ports/clock.ts";

/** A delivery whose step has not ended, and what it may take. */
export interface Overdue {
  readonly queue: QueueRole;
  readonly messageId: string | undefined;
  /** How long it has been in hand, seconds. */
  readonly seconds: number;
  /** The bound that it has passed, seconds. */
  readonly limitSeconds: number;
}

/** The deliveries that the process has taken and not yet answered, and whether one of them hangs. */
export interface InHand {
  /** To be called when a step begins; what it gives back, when the step has ended, however it did. */
  taken(queue: QueueRole, messageId: string | undefined): () => void;
  /** The oldest delivery that is in hand for longer than any step can take; null: none is. */
  overdue(): Overdue | null;
}

/** How long a delivery may be in hand, and who hears of the first that is in hand for longer. */
export interface InHandOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Longest time that a step can take while nothing hangs, ms. */
  readonly limitMs: number;
  /** Called once for each delivery that is overdue, when `overdue` is asked. */
  readonly onOverdue: (overdue: Overdue) => void;
}

/**
 * Watches how long each delivery is in hand. It asks nobody how broker, Redis or cloud are: every wait of a step for one
 * of them has a time-out of its own, and `limitMs` is longer than all of them together. What is longer is a bug.
 *
 * The clock goes on while the process is stopped (SIGSTOP, a frozen machine): after that a delivery may look overdue
 * until its time-outs have ended it, which is within a second. A probe that fails three times in a row looks past that.
 */
export function createInHand({ clock, limitMs, onOverdue }: InHandOptions): InHand {
  // In the order in which they were taken: the first is the oldest.
  const taken = new Map<symbol, Omit<Overdue, "seconds" | "limitSeconds"> & { sinceMs: number }>();
  const logged = new Set<symbol>();

  return {
    taken(queue, messageId) {
      const key = Symbol(messageId);
      taken.set(key, { queue, messageId, sinceMs: clock.monotonicMs() });
      return () => {
        taken.delete(key);
        logged.delete(key);
      };
    },

    overdue() {
      const [oldest] = taken;
      if (oldest === undefined) return null;
      const [key, { sinceMs, ...delivery }] = oldest;
      const ms = clock.monotonicMs() - sinceMs;
      if (ms <= limitMs) return null;
      const overdue = {
        ...delivery,
        seconds: Math.round(ms / 1000),
        limitSeconds: Math.round(limitMs / 1000),
      };
      if (!logged.has(key)) {
        logged.add(key);
        onOverdue(overdue);
      }
      return overdue;
    },
  };
}
