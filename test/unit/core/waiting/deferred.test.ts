import { describe, expect, it } from "vitest";
import {
  firstSeen,
  type DeferMarks,
  marksWhenDeferred,
} from "../../../../src/core/waiting/deferred.ts";
import { MINUTE, NOW, SECOND } from "../builders.ts";

const AWAY = { why: "store-away" } as const;
const FIRST: DeferMarks = { arrivedAtMs: NOW - MINUTE, mayHaveRun: false, unseenUntilMs: null };
const AGAIN: DeferMarks = { ...FIRST, unseenUntilMs: NOW };

describe("a raw command that waits", () => {
  it("for a store that is away: no copy of it can be taken before it is due, with five seconds of room", () => {
    expect(marksWhenDeferred(FIRST, AWAY, 2 * SECOND, NOW)).toEqual({
      ...FIRST,
      unseenUntilMs: NOW + 7 * SECOND,
    });
  });

  it.each([
    ["on time", -5 * SECOND, NOW + 2 * SECOND],
    ["within the room", 0, NOW + 7 * SECOND],
    ["later: another copy may have been taken since it was due", 1, NOW],
  ])("again, having come back %s", (_how, afterMs, unseenUntilMs) => {
    expect(marksWhenDeferred(AGAIN, AWAY, 2 * SECOND, NOW + afterMs)).toEqual({
      ...AGAIN,
      unseenUntilMs,
    });
  });

  it("is seen by nobody else for five seconds when it comes for the first time", () => {
    expect(firstSeen(NOW)).toEqual({
      arrivedAtMs: NOW,
      mayHaveRun: false,
      unseenUntilMs: NOW + 5 * SECOND,
    });
  });

  it("for a store that rebuilds: nothing is taken before its memory opens, and it came before that", () => {
    const untilMs = NOW + MINUTE;
    const rebuilding = { why: "store-rebuilding", untilMs, mayHaveRun: false } as const;
    expect(marksWhenDeferred(AGAIN, rebuilding, MINUTE, NOW)).toEqual({
      ...AGAIN,
      unseenUntilMs: untilMs,
    });
    // Our clock is ahead of the store's.
    const ahead = { ...AGAIN, arrivedAtMs: untilMs + SECOND };
    expect(marksWhenDeferred(ahead, rebuilding, MINUTE, NOW).arrivedAtMs).toBe(untilMs - 1);
  });

  it("keeps the store's mayHaveRun, and its own", () => {
    const rebuilding = { why: "store-rebuilding", untilMs: NOW } as const;
    const doubts = [
      marksWhenDeferred(FIRST, { ...rebuilding, mayHaveRun: true }, 0, NOW),
      marksWhenDeferred(
        { ...FIRST, mayHaveRun: true },
        { ...rebuilding, mayHaveRun: false },
        0,
        NOW,
      ),
      marksWhenDeferred({ ...FIRST, mayHaveRun: true }, AWAY, 0, NOW),
    ];
    expect(doubts.map(({ mayHaveRun }) => mayHaveRun)).toEqual([true, true, true]);
  });

  it.each(["queue-full", "later-version"] as const)(
    "is doubted from then on when the store had it on record: %s",
    (why) => {
      expect(marksWhenDeferred(FIRST, { why }, SECOND, NOW)).toEqual({
        ...FIRST,
        mayHaveRun: true,
      });
    },
  );

  it("is marked as taken once another delivery took it over, and stays so", () => {
    const fenced = marksWhenDeferred(FIRST, { why: "fenced" }, SECOND, NOW);
    expect(fenced).toEqual({ ...FIRST, mayHaveRun: true, taken: true });
    expect(marksWhenDeferred(fenced, AWAY, SECOND, NOW).taken).toBe(true);
    expect(marksWhenDeferred(fenced, { why: "queue-full" }, SECOND, NOW).taken).toBe(true);
    const rebuilding = { why: "store-rebuilding", untilMs: NOW, mayHaveRun: false } as const;
    expect(marksWhenDeferred(fenced, rebuilding, SECOND, NOW).taken).toBe(true);
  });

  it.each([
    AWAY,
    { why: "store-rebuilding", untilMs: NOW, mayHaveRun: false },
    { why: "refusal-unconfirmed" },
    { why: "fenced" },
    { why: "queue-full" },
    { why: "later-version" },
    { why: "store-unreadable" },
  ] as const)("keeps who sent it ($why)", (why) => {
    expect(marksWhenDeferred({ ...FIRST, sender: "ada" }, why, SECOND, NOW).sender).toBe("ada");
    expect(marksWhenDeferred(FIRST, why, SECOND, NOW)).not.toHaveProperty("sender");
  });
});
