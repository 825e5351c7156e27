/** What a clock on the wall shows. */
export interface Reading {
  /** Days since 1970. */
  readonly day: number;
  /** After midnight. */
  readonly minute: number;
}

/** The clock on the wall of a time zone. Instants are epoch ms. */
export interface WallClock {
  /** What it shows then. */
  read(ms: number): Reading;
  /** The first instant after `fromMs`, and not after `toMs`, at which it is changed; null: none. At most a day apart. */
  changeBetween(fromMs: number, toMs: number): number | null;
}

export const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
const DAY_MS = DAY_MINUTES * MINUTE_MS;

/** Days of which the offsets are remembered: more than are looked at together. */
const MOST_DAYS = 100;

/** How far a clock is ahead of UTC in the course of one day of UTC, in minutes. */
interface DayOffsets {
  readonly first: number;
  readonly last: number;
  /** From when on it is `last`; the beginning of the next day where both are the same. */
  readonly changeMs: number;
}

/**
 * The clock of a time zone, by its name in the IANA database; throws a RangeError for a zone that there is not. The runtime takes
 * microseconds for one reading, and windows need many: so it is asked for the offset once a day, and once more for the instant at
 * which the clocks are changed. They are changed once a day at most.
 */
export function clockOf(zone: string): WallClock {
  const exactly = exactOffset(zone);
  const days = new Map<number, DayOffsets>();

  function offsetsOf(day: number): DayOffsets {
    const found = days.get(day);
    if (found !== undefined) return found;
    if (days.size >= MOST_DAYS) days.clear();
    const [fromMs, toMs] = [day * DAY_MS, (day + 1) * DAY_MS];
    const [first, last] = [exactly(fromMs), exactly(toMs)];
    const changeMs = first === last ? toMs : firstChange(exactly, fromMs, toMs);
    const offsets = { first, last, changeMs };
    days.set(day, offsets);
    return offsets;
  }

  function offset(ms: number): number {
    const { first, last, changeMs } = offsetsOf(Math.floor(ms / DAY_MS));
    return ms < changeMs ? first : last;
  }

  return {
    read(ms) {
      const wall = Math.floor(ms / MINUTE_MS) + offset(ms);
      const day = Math.floor(wall / DAY_MINUTES);
      return { day, minute: wall - day * DAY_MINUTES };
    },
    changeBetween: (fromMs, toMs) =>
      offset(fromMs) === offset(toMs) ? null : firstChange(offset, fromMs, toMs),
  };
}

/** The first minute whose offset is another than that of the first. */
function firstChange(offset: (ms: number) => number, fromMs: number, toMs: number): number {
  const before = offset(fromMs);
  let [low, high] = [Math.floor(fromMs / MINUTE_MS), Math.floor(toMs / MINUTE_MS)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offset(middle * MINUTE_MS) === before) low = middle;
    else high = middle;
  }
  return high * MINUTE_MS;
}

/** Minutes that the clock is ahead of UTC, as the runtime says. */
function exactOffset(zone: string): (ms: number) => number {
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
    const shownMs = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"));
    return (shownMs - Math.floor(ms / MINUTE_MS) * MINUTE_MS) / MINUTE_MS;
  };
}
