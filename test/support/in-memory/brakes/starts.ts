const HOUR_MS = 3_600_000;

/** Commands that started, by when. */
type Starts = ReadonlyMap<string, number>;

/** `next_start`. */
export function nextStart(
  starts: Starts = new Map(),
  command: string,
  { limit, nowMs }: { readonly limit: number; readonly nowMs: number },
): number | null {
  const hourAgo = nowMs - HOUR_MS;
  const inTheWay = [...starts.values()].sort((a, b) => b - a)[limit - 1];
  if (inTheWay === undefined || inTheWay <= hourAgo) return null;
  return (starts.get(command) ?? 0) > hourAgo ? null : inTheWay + HOUR_MS;
}

/** `note_start`. */
export function withStart(starts: Starts = new Map(), command: string, nowMs: number): Starts {
  const all = new Map(starts).set(command, nowMs);
  return new Map([...all].filter(([, atMs]) => atMs > nowMs - HOUR_MS));
}
