const STAMP = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d{1,9})?Z?$/;

/**
 * An instant of the cloud, epoch ms: UTC, to the second or finer, with the zone letter `Z` or (disks, ECS API notes §11)
 * without. Null: anything else, days that do not exist and other zones included. Pure.
 *
 * | text | instant |
 * |---|---|
 * | `2024-01-10T08:00:00Z`, `2024-01-10T08:00:00` | 08:00 UTC |
 * | `2024-01-10T08:00:00.999999` | 08:00:00.999 UTC |
 * | `2024-01-10T08:00:00+01:00`, `2024-01-10 08:00:00`, `2024-02-30T08:00:00Z` | null |
 */
export function instantOf(text: unknown): number | null {
  const [, seconds = "", fraction = ""] = (typeof text === "string" && STAMP.exec(text)) || [];
  const atMs = Date.parse(`${seconds}Z`);
  if (Number.isNaN(atMs) || new Date(atMs).toISOString().slice(0, 19) !== seconds) return null;
  return atMs + Math.floor(Number(`0${fraction}`) * 1_000);
}
