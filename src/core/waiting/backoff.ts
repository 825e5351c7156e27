/**
 * The next delay for something that has been going on for `ageMs`: about a sixth of the age, so that the
 * lag stays a constant share of the time already spent. Rungs of the default ladder, by age:
 *
 * | age    | 5 s | 20 s | 45 s | 90 s | 3 min | 6 min |
 * |--------|-----|------|------|------|-------|-------|
 * | rung   | 2 s | 2 s  | 5 s  | 10 s | 30 s  | 60 s  |
 *
 * Jitter: `random` in [0, 1) sometimes takes the rung below, so that commands that arrived together part.
 */
export function delayForAge(ageMs: number, ladderMs: readonly number[], random: number): number {
  const wanted = Math.max(0, ageMs) / 6;
  const index = Math.max(
    0,
    ladderMs.findLastIndex((rung) => rung <= wanted),
  );
  const jittered = random < 0.2 ? Math.max(0, index - 1) : index;
  return ladderMs[jittered] ?? 0;
}

/** A job's age, and how long apart its polls are from then on. */
const POLL_PLAN: readonly (readonly [fromAgeMs: number, everyMs: number])[] = [
  [0, 10_000],
  [40_000, 5_000],
  [100_000, 10_000],
  [300_000, 30_000],
  [900_000, 60_000],
];

/**
 * The next delay for a job that is being followed. A reinstall takes 45 s at the least and one to two minutes as a
 * rule (ECS API notes §2.5): few polls before that, for jobs that fail early; close ones while it is likely to end;
 * fewer again for the stragglers. Never longer than the job is old, so that short ladders and short jobs fit too.
 *
 * | job of      | 45 s  | 1 min | 90 s  | 2 min | 3 min | 6 min  |
 * |-------------|-------|-------|-------|-------|-------|--------|
 * | polls       | 9     | 13    | 20    | 24    | 31    | 46     |
 * | seen after  | 2.3 s | 2.4 s | 2.3 s | 4.8 s | 4.7 s | 11.5 s |
 *
 * A poll every 10 s makes 5, 6, 9, 12, 18, 36 and sees the end after 5 s on average.
 */
export function pollDelay(ageMs: number, ladderMs: readonly number[], random: number): number {
  const planned = POLL_PLAN.findLast(([fromAgeMs]) => fromAgeMs <= ageMs)?.[1] ?? 0;
  const wanted = Math.min(planned, ageMs);
  const index = Math.max(
    0,
    ladderMs.findLastIndex((rung) => rung <= wanted),
  );
  const jittered = random < 0.2 ? Math.max(0, index - 1) : index;
  return ladderMs[jittered] ?? 0;
}

/** Longest of the waits that count as short. */
const SHORT_MS = 10_000;

/**
 * How long to wait after a call of the cloud that gave nothing, where `plannedMs` is planned. A wait that the cloud
 * asked for is kept in full, however short the ladder: the message goes on in hops (the adapter bounds it,
 * `ECS_MAX_RETRY_AFTER_MS`). A request that we kept back ourselves may go at any moment, when credentials or clock
 * are put right: then nobody sleeps longer than a short rung (10 s at most).
 */
export function delayAfterNothing(
  plannedMs: number,
  why: { readonly retryAfterMs?: number | null; readonly heldBack?: boolean | undefined },
  ladderMs: readonly number[],
): number {
  const shortMs = ladderMs.findLast((rung) => rung <= SHORT_MS) ?? ladderMs[0] ?? 0;
  return Math.max(
    why.heldBack ? Math.min(plannedMs, shortMs) : plannedMs,
    why.retryAfterMs ?? 0,
    ladderMs[0] ?? 0,
  );
}

/** The smallest rung that is at least `ms`; the largest when none is (the message's due time covers the rest). */
export function rungAtLeast(ms: number, ladderMs: readonly number[]): number {
  return ladderMs.find((rung) => rung >= ms) ?? ladderMs.at(-1) ?? 0;
}

/**
 * For a wait in hops, which ends within the shortest rung of its time: the largest rung that is no longer than `ms`; the
 * smallest when all are longer. With the default ladder of 2, 5, 10, 30 and 60 s: 12 h off 60 s, 40 s off 30 s, 4 s off 2 s,
 * 1 s off 2 s.
 */
export function rungAtMost(ms: number, ladderMs: readonly number[]): number {
  return ladderMs.findLast((rung) => rung <= ms) ?? ladderMs[0] ?? 0;
}

/** Tries in a second, of all who wait together, that leave the broker free for the steps of those who do not wait. */
const TRIES_PER_SECOND = 50;

/**
 * How far apart the tries of one of so many are, for all of them together to make no more than {@link TRIES_PER_SECOND}; never
 * more than the longest rung. With the default ladder: 100 of them 2 s, 500 10 s, 1 500 30 s, more than that 60 s.
 */
export function delayAmong(others: number, ladderMs: readonly number[]): number {
  return rungAtLeast((others * 1_000) / TRIES_PER_SECOND, ladderMs);
}
