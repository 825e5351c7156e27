import { z } from "zod";

/** 1: Monday, 7: Sunday. */
export type Weekday = 1 | 2 | 3 | 4 | 5 | 6 | 7;

/** May reinstalls begin in a window, or may they not? */
export type WindowRule = "allow" | "deny";

/**
 * Times at which reinstalls may begin (`allow`), or may not (`deny`), by the clock on the wall of a time zone. A window
 * that goes over midnight belongs to the day on which it begins.
 */
export interface Window {
  readonly rule: WindowRule;
  readonly days: readonly Weekday[];
  /** Minutes after midnight: from 0 to 1439. */
  readonly startMinute: number;
  /** From 0 to 1440. Not later than the start: it ends on the next day. */
  readonly endMinute: number;
  /** Name in the IANA database. */
  readonly zone: string;
  /** First and last day on which it begins, in days since 1970 of its zone; absent: on every day. */
  readonly fromDay?: number | undefined;
  readonly untilDay?: number | undefined;
  /** As it was configured, for people. */
  readonly text: string;
}

/** Nothing may begin now. */
export const Closed = z.object({
  /** When that ends, epoch ms by the worker's clock; absent: not within {@link HORIZON_MS}. */
  untilMs: z.number().optional(),
  /** In words. */
  reason: z.string(),
});
export type Closed = Readonly<z.infer<typeof Closed>>;

/** The windows of one worker. */
export interface Windows {
  /** Null: they are open, or there are none. */
  closedAt(nowMs: number): Closed | null;
}

/** So far ahead an opening is looked for. */
export const HORIZON_MS = 35 * 86_400_000;

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;

/**
 * Windows as they are configured. Open is what lies in an `allow` window, or everywhere where there is none, and in no
 * `deny` window. What a clock on the wall shows decides: an hour that is repeated when the clocks go back counts twice, one
 * that is skipped not at all. So only the way from an instant to a clock's reading is needed, which is unambiguous.
 */
export function createWindows(list: readonly Window[]): Windows {
  const clocks = new Map(list.map(({ zone }) => [zone, clockOf(zone)] as const));
  // Asked at every try of every waiting command: the answer holds until it is over.
  let known: { readonly fromMs: number; readonly untilMs: number; readonly closed: Closed } | null =
    null;
  return {
    closedAt(nowMs) {
      if (known !== null && nowMs >= known.fromMs && nowMs < known.untilMs) return known.closed;
      const reason = closedBecause(list, clocks, nowMs);
      if (reason === null) return null;
      const untilMs = nextOpening(list, clocks, nowMs);
      const closed = { reason, ...(untilMs === null ? {} : { untilMs }) };
      // Until the next minute where no opening is in sight: one may come into it. The reason may change at any edge.
      known = { fromMs: nowMs, untilMs: nextEdge(list, clocks, nowMs), closed };
      return closed;
    },
  };
}

/** In a sentence, for people. */
export function describeClosed({ untilMs, reason }: Closed): string {
  const until = untilMs === undefined ? "" : ` until ${new Date(untilMs).toISOString()}`;
  return `nothing begins${until}: it is ${reason}`;
}

/** The longest time without an opening that begins within the horizon, ms; 0: none. At most the horizon is seen of it. */
export function longestClosedMs(windows: readonly Window[], nowMs: number): number {
  const clocks = new Map(windows.map(({ zone }) => [zone, clockOf(zone)] as const));
  let [longest, closedSince] = [0, Number.NaN];
  for (let at = nowMs; at < nowMs + HORIZON_MS; at = nextEdge(windows, clocks, at)) {
    const closed = closedBecause(windows, clocks, at) !== null;
    if (closed && Number.isNaN(closedSince)) closedSince = at;
    if (!closed) closedSince = Number.NaN;
    else
      longest = Math.max(
        longest,
        Math.min(HORIZON_MS, nextEdge(windows, clocks, at) - closedSince),
      );
  }
  return longest;
}

type Clocks = ReadonlyMap<string, (ms: number) => Reading>;

/** What a clock on the wall shows. */
interface Reading {
  /** Days since 1970. */
  readonly day: number;
  /** After midnight. */
  readonly minute: number;
}

function closedBecause(list: readonly Window[], clocks: Clocks, ms: number): string | null {
  const here = list.filter((window) => covers(window, readingOf(window, clocks, ms)));
  const denied = here.find(({ rule }) => rule === "deny");
  if (denied !== undefined) return `within the window ${denied.text}`;
  const allowing = list.filter(({ rule }) => rule === "allow");
  if (allowing.length === 0 || here.length > 0) return null;
  const [only, ...more] = allowing;
  if (more.length > 0) return `outside of all ${allowing.length} windows that allow it`;
  return `outside of the window ${only?.text}`;
}

function covers(window: Window, { day, minute }: Reading): boolean {
  const { startMinute, endMinute } = window;
  if (startMinute < endMinute) {
    return beginsOn(window, day) && minute >= startMinute && minute < endMinute;
  }
  return (
    (beginsOn(window, day) && minute >= startMinute) ||
    (beginsOn(window, day - 1) && minute < endMinute)
  );
}

function beginsOn({ days, fromDay, untilDay }: Window, day: number): boolean {
  if (fromDay !== undefined && day < fromDay) return false;
  if (untilDay !== undefined && day > untilDay) return false;
  return days.includes(weekdayOf(day));
}

/** Day 0, 1 January 1970, was a Thursday. */
function weekdayOf(day: number): Weekday {
  return (((((day + 3) % 7) + 7) % 7) + 1) as Weekday;
}

function nextOpening(list: readonly Window[], clocks: Clocks, nowMs: number): number | null {
  for (let at = nowMs; at < nowMs + HORIZON_MS; at = nextEdge(list, clocks, at)) {
    if (closedBecause(list, clocks, at) === null) return at;
  }
  return null;
}

/** The next instant at which some window may begin or end, or a day does: between two of them nothing changes. */
function nextEdge(list: readonly Window[], clocks: Clocks, ms: number): number {
  return Math.min(
    ...list.map((window) => edgeOf(window, (at) => readingOf(window, clocks, at), ms)),
  );
}

function edgeOf(window: Window, read: (ms: number) => Reading, ms: number): number {
  const { minute } = read(ms);
  const edges = [window.startMinute, window.endMinute, DAY_MINUTES];
  const ahead = Math.min(...edges.filter((edge) => edge > minute)) - minute;
  const startOfMinute = Math.floor(ms / MINUTE_MS) * MINUTE_MS;
  const edge = startOfMinute + ahead * MINUTE_MS;
  const offset = (at: number) => wallMinutes(read(at)) - Math.floor(at / MINUTE_MS);
  // The clocks are changed on the way: there first, since nobody knows what they show then.
  return offset(edge) === offset(ms) ? edge : changeBetween(offset, startOfMinute, edge);
}

/** The first minute whose offset is another than that of the first. */
function changeBetween(offset: (ms: number) => number, fromMs: number, toMs: number): number {
  const before = offset(fromMs);
  let [low, high] = [fromMs / MINUTE_MS, toMs / MINUTE_MS];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offset(middle * MINUTE_MS) === before) low = middle;
    else high = middle;
  }
  return high * MINUTE_MS;
}

function wallMinutes({ day, minute }: Reading): number {
  return day * DAY_MINUTES + minute;
}

function readingOf({ zone }: Window, clocks: Clocks, ms: number): Reading {
  return clocks.get(zone)?.(ms) ?? { day: 0, minute: 0 };
}

/** Throws a RangeError for a zone that there is not. */
export function clockOf(zone: string): (ms: number) => Reading {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    calendar: "gregory",
    numberingSystem: "latn",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  return (ms) => {
    const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    const of = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
    const dayMs = Date.UTC(of("year"), of("month") - 1, of("day"));
    return { day: dayMs / 86_400_000, minute: of("hour") * 60 + of("minute") };
  };
}
