/** An instant for people, and how long ago it was. */
export function since(ms: number, nowMs: number): string {
  return `${instant(ms)} (${span(nowMs - ms)})`;
}

/** What another service wrote may be no time at all. */
export function instant(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : "(unknown)";
}

/**
 * A time for people, with the two largest units.
 *
 * | ms | shown |
 * |---|---|
 * | 4 200 | `4 s` |
 * | 185 000 | `3 min 5 s` |
 * | 90 000 000 | `1 d 1 h` |
 */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = UNITS.flatMap(({ name, length, of }) => {
    const count = of === 0 ? Math.floor(seconds / length) : Math.floor(seconds / length) % of;
    return count === 0 ? [] : [`${count} ${name}`];
  });
  return Number.isFinite(ms) ? parts.slice(0, 2).join(" ") || "0 s" : "an unknown time";
}

const UNITS = [
  { name: "d", length: 86_400, of: 0 },
  { name: "h", length: 3_600, of: 24 },
  { name: "min", length: 60, of: 60 },
  { name: "s", length: 1, of: 60 },
] as const;
