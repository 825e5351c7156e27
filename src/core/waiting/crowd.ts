const MOST_IN_HAND = 10;

/** So many of their messages a worker has in hand, where `prefetch` is that of its other queues. */
export function crowdPrefetch(prefetch: number): number {
  return Math.min(prefetch, MOST_IN_HAND);
}

/** The longest delay; 0 where there is none. */
export function longestOf(delaysMs: readonly number[]): number {
  return Math.max(0, ...delaysMs);
}

/** Is it in a line, with nothing in work? */
export function standsInLine({ phase }: { readonly phase: string }): boolean {
  return phase === "waiting" || phase === "joined";
}

/**
 * Who waits for as long as the longest delay is one of thousands, far behind, or has a long time to go: its step comes back by a queue of
 * its own, where it stands before nobody who is in work. All others share one queue with those who wait and may go on soon.
 *
 * @param delayMs of its next step; 0: at once
 */
export function waitsInCrowd(
  state: { readonly phase: string },
  delayMs: number,
  ladderMs: readonly number[],
): boolean {
  if (!standsInLine(state)) return false;
  const longestMs = longestOf(ladderMs);
  return delayMs > 0 && ladderMs.every((rungMs) => rungMs === longestMs || rungMs < delayMs);
}
