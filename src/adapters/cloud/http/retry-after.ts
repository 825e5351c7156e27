const MIN_MS = 1_000;
/** Clients of this cloud wait at most this long (ECS API notes §5.4). */
export const MAX_RETRY_AFTER_MS = 30 * 60_000;

const UNIT_MS: Readonly<Record<string, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
};

/**
 * How long the cloud asks us to stay away, within bounds; null: it did not say. `Retry-After` comes first;
 * nothing says that ECS sends it, but a throttled gateway says `limit:200,time:5 minute` (ECS API notes §5.4),
 * which is a window: it is over for certain after its whole length.
 */
export function retryAfterMs(
  header: string | null,
  message: string | null,
  cloudNowMs: number,
  maxMs: number = MAX_RETRY_AFTER_MS,
): number | null {
  const asked = fromHeader(header, cloudNowMs) ?? fromMessage(message);
  return asked === null ? null : Math.min(Math.max(asked, Math.min(MIN_MS, maxMs)), maxMs);
}

function fromHeader(header: string | null, cloudNowMs: number): number | null {
  const text = header?.trim() ?? "";
  // Several headers of the name arrive as one list: who asks for the longest is obeyed.
  const numbers = text.split(",").map((one) => one.trim());
  if (numbers.every((one) => /^\d+(\.\d+)?$/.test(one))) {
    return Math.ceil(Math.max(...numbers.map(Number)) * 1000);
  }
  // `Date.parse` takes bare numbers for years: a date of HTTP begins with the day's name.
  if (!/^[A-Za-z]{3,9},? /.test(text)) return null;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? null : atMs - cloudNowMs;
}

function fromMessage(message: string | null): number | null {
  return statedLimit(message)?.perMs ?? null;
}

/** So many calls in so many ms. */
export interface StatedLimit {
  readonly calls: number;
  readonly perMs: number;
}

/** The quota that a throttled gateway names, e.g. `limit:200,time:5 minute` (ECS API notes §5.4); null: none that makes sense. */
export function statedLimit(message: string | null): StatedLimit | null {
  const match = /\blimit:(\d{1,9})\s*,\s*time:(\d{1,6})\s*(second|minute|hour|day)s?\b/i.exec(
    message ?? "",
  );
  const [, calls, time, unit] = match ?? [];
  const perMs = Number(time) * (UNIT_MS[unit?.toLowerCase() ?? ""] ?? 0);
  return Number(calls) > 0 && perMs > 0 ? { calls: Number(calls), perMs } : null;
}
