/**
 * The next delay for something that has been going on for `ageMs`: about a sixth of the age, so that the
 * lag stays a constant share of the time already spent. Rungs of the default ladder, by age:
 *
 * | age    | 5 s | 20 s | 45 s | 90 s | 3 min | 6 min |
 * |--------|-----|------|------|------|-------|-------|
 * | rung   | 2 s | 2 s  | 5 s  | 10 s | 30 s  | 60 s  |
 *
 * Jitter: `random` in [0, 1) sometimes takes the rung below, so that commands that came together part.
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

/** The smallest rung that is at least `ms`; the largest when none is (the message's due time covers the rest). */
export function rungAtLeast(ms: number, ladderMs: readonly number[]): number {
  return ladderMs.find((rung) => rung >= ms) ?? ladderMs.at(-1) ?? 0;
}
