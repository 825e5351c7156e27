import { describe, expect, it } from "vitest";
import { clockOf } from "../../../../src/core/brakes/wall-clock.ts";

const DAY_MS = 86_400_000;

describe("the clock on the wall", () => {
  it.each([
    ["UTC", "2026-07-01T12:00Z", "12:00"],
    ["Europe/Paris", "2026-07-01T12:00Z", "14:00"],
    ["Europe/Paris", "2026-12-01T12:00Z", "13:00"],
    ["Asia/Kathmandu", "2026-07-01T12:00Z", "17:45"],
    // Its sign is the other way round: docs/brakes.md says to take a city's name.
    ["Etc/GMT+2", "2026-07-01T12:00Z", "10:00"],
    ["Etc/GMT+2", "2026-12-01T12:00Z", "10:00"],
  ])("of %s shows at %s %s", (zone, at, shown) => {
    const { day, minute } = clockOf(zone).read(Date.parse(at));
    expect(new Date(day * DAY_MS + minute * 60_000).toISOString().slice(11, 16)).toBe(shown);
  });

  it.each([
    ["Europe/Paris", "2026-03-28T12:00Z", "2026-03-29T01:00:00.000Z"],
    ["Europe/Paris", "2026-10-24T12:00Z", "2026-10-25T01:00:00.000Z"],
    ["Europe/Paris", "2026-07-01T12:00Z", null],
    ["Etc/GMT+2", "2026-03-28T12:00Z", null],
  ])("of %s is changed in the day after %s at %s", (zone, from, changed) => {
    const fromMs = Date.parse(from);
    const ms = clockOf(zone).changeBetween(fromMs, fromMs + DAY_MS);
    expect(ms === null ? null : new Date(ms).toISOString()).toBe(changed);
  });

  it("of no such zone is refused", () => {
    expect(() => clockOf("Europe/Pariss")).toThrow(RangeError);
  });
});
