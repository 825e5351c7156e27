/**
 * How long to wait before the next attempt, `attempt` counting from 0. Half of it is chance, so that workers that
 * lost the same broker do not come back together.
 *
 * | attempt | 200 … 15 000 |
 * |---------|--------------|
 * | 0       | 100-200      |
 * | 1       | 200-400      |
 * | 4       | 1600-3200    |
 * | 7+      | 7500-15000   |
 */
export function backoffMs(
  attempt: number,
  { initialMs, maxMs }: { readonly initialMs: number; readonly maxMs: number },
  random: () => number = Math.random,
): number {
  const fullMs = Math.min(maxMs, initialMs * 2 ** Math.min(attempt, 30));
  return Math.round((fullMs * (1 + random())) / 2);
}
