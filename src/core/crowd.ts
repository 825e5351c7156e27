/** Of those messages a worker has so many in hand, or fewer where `PREFETCH` is less. */
export const MOST_OF_CROWD_IN_HAND = 10;

/**
 * Who waits for as long as the longest delay is one of thousands, far behind, or has a long time to go: its step comes back by a queue of
 * its own, where it stands before nobody who is in work. All others share one queue with those who wait and may go on soon.
 *
 * @param delayMs of its next step; 0: at once
 */
export function waitsInCrowd(
  { phase }: { readonly phase: string },
  delayMs: number,
  ladderMs: readonly number[],
): boolean {
  if (phase !== "waiting" && phase !== "joined") return false;
  const longestMs = Math.max(0, ...ladderMs);
  return delayMs > 0 && ladderMs.every((rungMs) => rungMs === longestMs || rungMs < delayMs);
}
