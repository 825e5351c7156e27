import type { Before } from "../state/state.ts";

/** Between these ages most jobs of a kind ended so far, ms since the POST was accepted. */
export interface LikelyEnd {
  readonly fromMs: number;
  readonly toMs: number;
}

/** So many of the last durations of a kind are kept. */
export const DURATIONS_KEPT = 50;

/** Fewer say little about the next job. */
const LEAST_DURATIONS = 5;

/** Jobs that end sooner are polled by their age alone. */
export const SHORTEST_MS = 10_000;

/** One job in twenty ends before the range, and one in twenty after it. */
const OUTSIDE = 0.05;

/** What the durations of the last successful jobs say of the next one; null: nothing, or nothing that would help. */
export function likelyEnd(tookMs: readonly number[]): LikelyEnd | null {
  if (tookMs.length < LEAST_DURATIONS) return null;
  const rising = tookMs.toSorted((a, b) => a - b);
  const cut = Math.floor(rising.length * OUTSIDE);
  const fromMs = rising[cut] ?? 0;
  const toMs = rising[rising.length - 1 - cut] ?? fromMs;
  return fromMs < SHORTEST_MS ? null : { fromMs, toMs };
}

/**
 * What a job's duration depends on, as far as it is known before the POST: the type of the system disk, the operating
 * system, and whether the cloud has to stop the server first (`STOP_BY=cloud`).
 */
export function jobKind({ volumeType, osType, status }: Before): string {
  const power = status === "ACTIVE" ? "on" : "off";
  return `${volumeType ?? "untyped"}/${osType ?? "unknown"}/${power}`;
}
