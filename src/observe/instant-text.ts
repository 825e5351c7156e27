/** An instant as JSON has it. What another version of us left in the store may be no time at all: null, as for none. */
export function instantText(ms: number | null): string | null {
  if (ms === null) return null;
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : null;
}
