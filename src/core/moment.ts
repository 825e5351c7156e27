import type { LikelyEnd } from "./calls/likely-end.ts";
import type { Rules } from "./rules.ts";

/**
 * What a decision depends on beside what was seen. It is asked for again after each wait, and never kept across one: a
 * decision by an old instant could start what is too late by now.
 */
export interface Moment {
  /** Epoch ms, by this worker's clock. */
  readonly nowMs: number;
  /** Uniform in [0, 1): the jitter of a delay. */
  readonly random: number;
  readonly rules: Rules;
  /** Of the job that this is about; null or absent: its age alone says when it is polled. */
  readonly likelyEnd?: LikelyEnd | null;
}
