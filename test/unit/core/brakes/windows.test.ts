import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { toWindow, type WindowText } from "../../../../src/core/brakes/window-text.ts";
import { createWindows, HORIZON_MS, longestClosedMs } from "../../../../src/core/brakes/windows.ts";

const PARIS = { rule: "allow", zone: "Europe/Paris" } as const;
const OFFICE: WindowText = { ...PARIS, days: "Mo-Fr", start: "08:00", end: "18:00" };
const HOUR = 3_600_000;

const windows = (...texts: WindowText[]) => createWindows(texts.map(toWindow));

const shown = new Map<string, Intl.DateTimeFormat>();

/** The same once more, by the text that a clock shows. */
function isOpen(texts: readonly WindowText[], ms: number): boolean {
  const inside = ({ zone, days = "Mo-Su", start = "00:00", end = "24:00" }: WindowText) => {
    const format =
      shown.get(zone) ??
      new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
    shown.set(zone, format);
    const [date = "", time = ""] = format.format(ms).split(" ");
    const name = (daysBefore: number) =>
      ["Su", "Mo", "Tu", "We", "Th", "Fr", "Sa"][
        new Date(Date.parse(date) - daysBefore * 24 * HOUR).getUTCDay()
      ] ?? "";
    const named = (daysBefore: number) => DAYS[days]?.includes(name(daysBefore)) === true;
    if (start < end) return named(0) && time >= start && time < end;
    return (named(0) && time >= start) || (named(1) && time < end);
  };
  const allowing = texts.filter(({ rule }) => rule === "allow");
  const denied = texts.some((one) => one.rule === "deny" && inside(one));
  return !denied && (allowing.length === 0 || allowing.some(inside));
}

const DAYS: Readonly<Record<string, string>> = {
  "Mo-Su": "MoTuWeThFrSaSu",
  "Sa,Su": "SaSu",
  "Su-Mo": "SuMo",
  Su: "Su",
};

/** `open`, or when it opens; `shut` when that is not in sight. */
function at(instant: string, ...texts: WindowText[]): string {
  const closed = windows(...texts).closedAt(Date.parse(instant));
  if (closed === null) return "open";
  return closed.untilMs === undefined ? "shut" : new Date(closed.untilMs).toISOString();
}

const ZONES = [
  "Europe/Paris",
  "America/St_Johns",
  "Australia/Lord_Howe",
  "UTC",
  // In these the hour around midnight is skipped and repeated.
  "America/Santiago",
  "Africa/Cairo",
  "Pacific/Chatham",
  "Asia/Kathmandu",
  "Pacific/Kiritimati",
];
/** Hours before clocks are changed in one of them. */
const CHANGES = [
  "2026-03-28T20:00:00Z",
  "2026-10-24T20:00:00Z",
  "2026-04-04T10:00:00Z",
  "2026-09-05T20:00:00Z",
  "2026-04-23T18:00:00Z",
  "2026-10-29T12:00:00Z",
];

describe("windows", () => {
  it("are open where there are none", () => {
    expect(at("2026-11-27T12:00:00Z")).toBe("open");
  });

  it.each([
    ["2026-11-27T06:59:59.999Z", "2026-11-27T07:00:00.000Z"],
    ["2026-11-27T07:00:00Z", "open"],
    ["2026-11-27T16:59:59.999Z", "open"],
    ["2026-11-27T17:00:00Z", "2026-11-30T07:00:00.000Z"],
    ["2026-11-28T12:00:00Z", "2026-11-30T07:00:00.000Z"],
    ["2026-07-24T16:00:00Z", "2026-07-27T06:00:00.000Z"],
  ])("of the working week: at %s %s", (instant, expected) => {
    expect(at(instant, OFFICE)).toBe(expected);
  });

  it.each([
    ["2026-11-27T20:59:00Z", "2026-11-27T21:00:00.000Z"],
    ["2026-11-27T21:00:00Z", "open"],
    ["2026-11-28T02:59:00Z", "open"],
    ["2026-11-28T03:00:00Z", "2026-12-04T21:00:00.000Z"],
    // Of Thursday, on which no window begins.
    ["2026-11-27T01:00:00Z", "2026-11-27T21:00:00.000Z"],
  ])("over midnight belong to the day on which they begin: at %s %s", (instant, expected) => {
    expect(at(instant, { ...PARIS, days: "Fr", start: "22:00", end: "04:00" })).toBe(expected);
  });

  describe("when the clocks go forward (Paris, 29 March 2026, 02:00 to 03:00)", () => {
    const night: WindowText = { ...PARIS, start: "01:30", end: "03:30" };
    const skipped: WindowText = { ...PARIS, start: "02:10", end: "02:50" };

    it.each([
      ["2026-03-29T00:30:00Z", "open"],
      ["2026-03-29T01:00:00Z", "open"],
      ["2026-03-29T01:29:59Z", "open"],
      ["2026-03-29T01:30:00Z", "2026-03-29T23:30:00.000Z"],
    ])("end when the clock shows their end: at %s %s", (instant, expected) => {
      expect(at(instant, night)).toBe(expected);
    });

    it("that would be in the hour that is skipped are not there that day", () => {
      expect(at("2026-03-28T12:00:00Z", skipped)).toBe("2026-03-30T00:10:00.000Z");
    });

    it("that begin in that hour, and end after it, begin at its end", () => {
      expect(at("2026-03-29T00:59:00Z", { ...PARIS, start: "02:10", end: "05:00" })).toBe(
        "2026-03-29T01:00:00.000Z",
      );
    });

    it("open on the other side of the change at the new time", () => {
      expect(at("2026-03-28T17:00:00Z", { ...OFFICE, days: "Su" })).toBe(
        "2026-03-29T06:00:00.000Z",
      );
    });
  });

  describe("when the clocks go back (Paris, 25 October 2026, 03:00 to 02:00)", () => {
    it.each([
      ["2026-10-25T00:10:00Z", "open"],
      ["2026-10-25T00:50:00Z", "2026-10-25T01:10:00.000Z"],
      ["2026-10-25T01:10:00Z", "open"],
      ["2026-10-25T01:50:00Z", "2026-10-26T01:10:00.000Z"],
    ])("come twice in the hour that is repeated: at %s %s", (instant, expected) => {
      expect(at(instant, { ...PARIS, start: "02:10", end: "02:50" })).toBe(expected);
    });

    it("that end after it are an hour longer", () => {
      const night: WindowText = { ...PARIS, days: "Sa", start: "23:00", end: "04:00" };
      expect(at("2026-10-25T02:59:00Z", night)).toBe("open");
      expect(at("2026-10-25T03:00:00Z", night)).toBe("2026-10-31T22:00:00.000Z");
    });
  });

  it("follow a clock that is changed by half an hour (Lord Howe, 5 April 2026)", () => {
    const zone = "Australia/Lord_Howe";
    const night: WindowText = { rule: "allow", zone, start: "01:40", end: "01:50" };
    expect(at("2026-04-04T14:45:00Z", night)).toBe("open");
    expect(at("2026-04-04T14:50:00Z", night)).toBe("2026-04-04T15:10:00.000Z");
  });

  it("deny what others allow, from the first day to the last", () => {
    const freeze: WindowText = {
      rule: "deny",
      zone: "Europe/Paris",
      from: "2026-12-19",
      until: "2027-01-03",
    };
    expect(at("2026-12-18T16:59:00Z", OFFICE, freeze)).toBe("open");
    expect(at("2026-12-18T22:59:59Z", freeze)).toBe("open");
    expect(at("2026-12-18T23:00:00Z", freeze)).toBe("2027-01-03T23:00:00.000Z");
    expect(at("2026-12-21T10:00:00Z", OFFICE, freeze)).toBe("2027-01-04T07:00:00.000Z");
    expect(at("2027-01-04T07:00:00Z", OFFICE, freeze)).toBe("open");
    expect(windows(OFFICE, freeze).closedAt(Date.parse("2026-12-21T10:00:00Z"))?.reason).toBe(
      "within the window deny Europe/Paris from 2026-12-19 until 2027-01-03",
    );
  });

  it("say outside of which window it is", () => {
    const friday = Date.parse("2026-11-27T20:00:00Z");
    expect(windows(OFFICE).closedAt(friday)?.reason).toBe(
      "outside of the window allow Mo-Fr 08:00-18:00 Europe/Paris",
    );
    expect(windows(OFFICE, { ...OFFICE, days: "Sa" }).closedAt(friday)?.reason).toBe(
      "outside of all 2 windows that allow it",
    );
  });

  it("that do not open in sight say no instant", () => {
    expect(at("2026-11-27T12:00:00Z", { rule: "deny", zone: "UTC" })).toBe("shut");
    expect(at("2026-11-27T12:00:00Z", { ...OFFICE, until: "2026-11-20" })).toBe("shut");
  });

  it("as many as may be configured ask the runtime for a zone's time a few times a day, not for each of their edges", () => {
    const read = vi.spyOn(Intl.DateTimeFormat.prototype, "formatToParts");
    const minute = (at: number) => new Date(at * 60_000).toISOString().slice(11, 16);
    const texts = Array.from({ length: 49 }, (_, n): WindowText => {
      const zone = ZONES[n % 3] ?? "";
      return { rule: "allow", zone, start: minute(n * 13), end: minute(n * 13 + 600) };
    });
    const freeze: WindowText = { rule: "deny", zone: "UTC", until: "2026-12-24" };
    const now = Date.parse("2026-11-28T12:00:00Z");
    expect(windows(...texts, freeze).closedAt(now)?.untilMs).toBe(Date.parse("2026-12-25"));
    expect(longestClosedMs([...texts, freeze].map(toWindow), now)).toBe(26.5 * 24 * HOUR);
    expect(read.mock.calls.length).toBeLessThan(4 * 2 * 2 * 36);
    read.mockRestore();
  });

  it("answer the same when they are asked again, and the right thing later", () => {
    const asked = windows(OFFICE);
    const evening = Date.parse("2026-11-26T18:00:00Z");
    expect(asked.closedAt(evening + 1)).toEqual(asked.closedAt(evening));
    expect(asked.closedAt(evening + 14 * HOUR)).toBeNull();
    expect(asked.closedAt(evening)?.untilMs).toBe(evening + 13 * HOUR);
  });

  it("open at the first minute at which they are open, whatever they are and whenever they are asked", () => {
    const minute = fc.integer({ min: 0, max: 1_439 });
    const clock = (at: number) =>
      `${String(Math.floor(at / 60)).padStart(2, "0")}:${String(at % 60).padStart(2, "0")}`;
    const text = fc
      .record({
        rule: fc.constantFrom("allow" as const, "deny" as const),
        days: fc.constantFrom("Mo-Su", "Sa,Su", "Su-Mo", "Su"),
        start: minute,
        end: minute,
        zone: fc.constantFrom(...ZONES),
      })
      .filter(({ start, end }) => start !== end)
      .map(({ start, end, ...rest }) => ({ ...rest, start: clock(start), end: clock(end) }));
    const from = fc
      .tuple(fc.constantFrom(...CHANGES), fc.integer({ min: 0, max: 720 }))
      .map(([instant, after]) => Date.parse(instant) + after * 60_000);
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 3 }), from, (texts, nowMs) => {
        const said = windows(...texts).closedAt(nowMs);
        expect(said === null).toBe(isOpen(texts, nowMs));
        if (said === null) return;
        const untilMs = said.untilMs ?? nowMs + HORIZON_MS;
        for (let ms = nowMs; ms < Math.min(untilMs, nowMs + 36 * HOUR); ms += 7 * 60_000)
          expect(isOpen(texts, ms)).toBe(false);
        expect(isOpen(texts, untilMs - 60_000)).toBe(false);
        if (said.untilMs !== undefined) expect(isOpen(texts, untilMs)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

describe("the longest time without an opening", () => {
  const friday = Date.parse("2026-11-27T12:00:00Z");

  it.each([
    ["nothing, where there are no windows", [], 0],
    ["a weekend", [OFFICE], 62 * HOUR],
    ["all that is in sight", [{ rule: "deny", zone: "UTC" }], HORIZON_MS],
  ] as const)("is %s", (_, texts, expected) => {
    expect(longestClosedMs(texts.map(toWindow), friday)).toBe(expected);
  });
});
