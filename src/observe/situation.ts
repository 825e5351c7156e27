import type { Situation } from "../contract/http.ts";
import type { MeasuredQueue } from "../contract/labels.ts";

/** What the gauges have asked for last, kept for people. */
export interface SituationKeeper {
  /** Null: nobody can say. */
  onQueueLengths(lengths: Readonly<Record<MeasuredQueue, number>> | null): void;
  /** 0 to 1. */
  onBudgetLeft(share: number): void;
}

/** Numbers of broker and budget from memory: a page for people must not ask for them again. */
export function createSituation(): Situation & SituationKeeper {
  let lengths: Readonly<Record<MeasuredQueue, number>> | null = null;
  let budgetLeft: number | null = null;
  return {
    onQueueLengths(measured) {
      lengths = measured;
    },
    onBudgetLeft(share) {
      budgetLeft = share;
    },
    deadLetters: () => lengths?.dead ?? null,
    notTaken: () => lengths?.commands ?? null,
    budgetLeft: () => budgetLeft,
  };
}
