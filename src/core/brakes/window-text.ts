import type { Weekday, Window, WindowRule } from "./windows.ts";

const DAY_NAMES = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"] as const;
const EVERY_DAY: readonly Weekday[] = [1, 2, 3, 4, 5, 6, 7];

/** A window as people write it: `BRAKES_WINDOWS`, brakes.md §2. Checked by the configuration before it gets here. */
export interface WindowText {
  readonly rule: WindowRule;
  /** `Mo-Fr`, `Sa,Su`, `Fr-Mo`; absent: every day. */
  readonly days?: string | undefined;
  /** `HH:MM`; absent: midnight. */
  readonly start?: string | undefined;
  /** `HH:MM`, at most 24:00; absent: the end of the day. */
  readonly end?: string | undefined;
  readonly zone: string;
  /** `YYYY-MM-DD`, the first day on which it begins. */
  readonly from?: string | undefined;
  /** The last one. */
  readonly until?: string | undefined;
}

/** The window that a text means. */
export function toWindow(text: WindowText): Window {
  const { rule, days, start = "00:00", end = "24:00", zone, from, until } = text;
  return {
    rule,
    days: (days === undefined ? EVERY_DAY : parseDays(days)) ?? EVERY_DAY,
    startMinute: parseMinute(start) ?? 0,
    endMinute: parseMinute(end) ?? 0,
    zone,
    ...(from === undefined ? {} : { fromDay: parseDay(from) ?? 0 }),
    ...(until === undefined ? {} : { untilDay: parseDay(until) ?? 0 }),
    text: describeWindow(text),
  };
}

/** `deny Mo-Fr 08:00-18:00 Europe/Paris from 2026-12-20 until 2027-01-03`. */
function describeWindow({ rule, days, start, end, zone, from, until }: WindowText): string {
  const times =
    start === undefined && end === undefined ? [] : [`${start ?? "00:00"}-${end ?? "24:00"}`];
  return [
    rule,
    ...(days === undefined ? [] : [days]),
    ...times,
    zone,
    ...(from === undefined ? [] : [`from ${from}`]),
    ...(until === undefined ? [] : [`until ${until}`]),
  ].join(" ");
}

/** Days and ranges of days, which may go over the end of the week. Null: it says no days. */
export function parseDays(text: string): readonly Weekday[] | null {
  const parts = text.split(",").map((part) => rangeOf(part.trim()));
  if (parts.some((part) => part === null)) return null;
  const named = new Set(parts.flatMap((part) => part ?? []));
  return EVERY_DAY.filter((day) => named.has(day));
}

function rangeOf(text: string): readonly Weekday[] | null {
  const [first = "", last = first, ...more] = text.split("-");
  const [from, to] = [dayNamed(first), dayNamed(last)];
  if (from === null || to === null || more.length > 0) return null;
  return EVERY_DAY.filter((day) =>
    from <= to ? day >= from && day <= to : day >= from || day <= to,
  );
}

function dayNamed(name: string): Weekday | null {
  const index = DAY_NAMES.findIndex((known) => known === name);
  return EVERY_DAY[index] ?? null;
}

/** Minutes after midnight of `HH:MM`, from 00:00 to 24:00. Null: it is no time. */
export function parseMinute(text: string): number | null {
  const match = /^(\d{2}):(\d{2})$/.exec(text);
  const [hour, minute] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || minute > 59 || hour * 60 + minute > 1_440) return null;
  return hour * 60 + minute;
}

/** Days since 1970 of `YYYY-MM-DD`. Null: there is no such day. */
export function parseDay(text: string): number | null {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text) return null;
  return ms / 86_400_000;
}
