import { z } from "zod";
import { clockOf, MINUTE_MS, type Reading, type WallClock } from "./wall-clock.ts";

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

const DAY_MINUTES = 1_440;

/**
 * Windows as they are configured. Open is what lies in an `allow` window, or everywhere where there is none, and in no
 * `deny` window. What a clock on the wall shows decides: an hour that is repeated when the clocks go back counts twice, one
 * that is skipped not at all. So only the way from an instant to a clock's reading is needed, which is unambiguous.
 */
export function createWindows(list: readonly Window[]): Windows {
  const plan = planOf(list);
  // Asked at every try of every waiting command: the answer holds until it is over.
  let known: { readonly fromMs: number; readonly untilMs: number; readonly closed: Closed } | null =
    null;
  return {
    closedAt(nowMs) {
      if (known !== null && nowMs >= known.fromMs && nowMs < known.untilMs) return known.closed;
      const reason = closedBecause(plan, nowMs);
      if (reason === null) return null;
      const untilMs = nextOpening(plan, nowMs);
      const closed = { reason, ...(untilMs === null ? {} : { untilMs }) };
      // Until the next minute where no opening is in sight: one may come into it. The reason may change at any edge.
      known = { fromMs: nowMs, untilMs: nextEdge(plan, nowMs), closed };
      return closed;
    },
  };
}

/** In a sentence, for people. */
export function describeClosed({ untilMs, reason }: Closed): string {
  const until =
    untilMs === undefined
      ? `, and no opening is in sight within ${HORIZON_MS / 86_400_000} days`
      : ` until ${new Date(untilMs).toISOString()}`;
  return `nothing begins${until}: it is ${reason}`;
}

/** The longest time without an opening that begins within the horizon, ms; 0: none. At most the horizon is seen of it. */
export function longestClosedMs(windows: readonly Window[], nowMs: number): number {
  const plan = planOf(windows);
  let [longest, closedSince] = [0, Number.NaN];
  for (let at = nowMs; at < nowMs + HORIZON_MS; ) {
    const next = nextEdge(plan, at);
    const closed = closedBecause(plan, at) !== null;
    if (closed && Number.isNaN(closedSince)) closedSince = at;
    if (closed) longest = Math.max(longest, Math.min(HORIZON_MS, next - closedSince));
    else closedSince = Number.NaN;
    at = next;
  }
  return longest;
}

/** Windows by their time zones. */
interface Plan {
  readonly list: readonly Window[];
  readonly zones: readonly {
    readonly name: string;
    readonly clock: WallClock;
    /** Minutes after midnight at which some window begins or ends, or the day does; ascending. */
    readonly edges: readonly number[];
  }[];
}

function planOf(list: readonly Window[]): Plan {
  const names = [...new Set(list.map(({ zone }) => zone))];
  const zones = names.map((name) => {
    const here = list.filter(({ zone }) => zone === name);
    const edges = here.flatMap(({ startMinute, endMinute }) => [startMinute, endMinute]);
    const ascending = [...new Set([...edges, DAY_MINUTES])].sort((a, b) => a - b);
    return { name, clock: clockOf(name), edges: ascending };
  });
  return { list, zones };
}

function closedBecause({ list, zones }: Plan, ms: number): string | null {
  const readings = new Map(zones.map(({ name, clock }) => [name, clock.read(ms)]));
  const here = list.filter((window) => {
    const reading = readings.get(window.zone);
    return reading !== undefined && covers(window, reading);
  });
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

function nextOpening(plan: Plan, nowMs: number): number | null {
  for (let at = nowMs; at < nowMs + HORIZON_MS; at = nextEdge(plan, at)) {
    if (closedBecause(plan, at) === null) return at;
  }
  return null;
}

/** The next instant at which some window may begin or end, or a day does: between two of them nothing changes. */
function nextEdge({ zones }: Plan, ms: number): number {
  return Math.min(...zones.map((zone) => edgeOf(zone, ms)));
}

function edgeOf({ clock, edges }: Plan["zones"][number], ms: number): number {
  const { minute } = clock.read(ms);
  const ahead = (edges.find((edge) => edge > minute) ?? DAY_MINUTES) - minute;
  const startOfMinute = Math.floor(ms / MINUTE_MS) * MINUTE_MS;
  const edge = startOfMinute + ahead * MINUTE_MS;
  // The clocks are changed on the way: there first, since nobody knows what they show then.
  return clock.changeBetween(startOfMinute, edge) ?? edge;
}
