import { describe, expect, it } from "vitest";
import { firstSeen, type PutAside, putAside } from "../../../src/core/put-aside.ts";
import { MINUTE, NOW, SECOND } from "./builders.ts";

const AWAY = { why: "store-away" } as const;
const FIRST: PutAside = { arrivedAtMs: NOW - MINUTE, doubt: false, unseenUntilMs: null };
const AGAIN: PutAside = { ...FIRST, unseenUntilMs: NOW };

describe("a raw command that waits", () => {
  it("for a store that is away: no copy of it can be taken before it is due, with five seconds of room", () => {
    expect(putAside(FIRST, AWAY, 2 * SECOND, NOW)).toEqual({
      ...FIRST,
      unseenUntilMs: NOW + 7 * SECOND,
    });
  });

  it.each([
    ["on time", -5 * SECOND, NOW + 2 * SECOND],
    ["within the room", 0, NOW + 7 * SECOND],
    ["later: another copy may have been taken since it was due", 1, NOW],
  ])("again, having come back %s", (_how, afterMs, unseenUntilMs) => {
    expect(putAside(AGAIN, AWAY, 2 * SECOND, NOW + afterMs)).toEqual({ ...AGAIN, unseenUntilMs });
  });

  it("is seen by nobody else for five seconds when it comes for the first time", () => {
    expect(firstSeen(NOW)).toEqual({
      arrivedAtMs: NOW,
      doubt: false,
      unseenUntilMs: NOW + 5 * SECOND,
    });
  });

  it("for a store that rebuilds: nothing is taken before its memory opens, and it came before that", () => {
    const untilMs = NOW + MINUTE;
    const rebuilding = { why: "store-rebuilding", untilMs, doubt: false } as const;
    expect(putAside(AGAIN, rebuilding, MINUTE, NOW)).toEqual({ ...AGAIN, unseenUntilMs: untilMs });
    // Our clock is ahead of the store's.
    const ahead = { ...AGAIN, arrivedAtMs: untilMs + SECOND };
    expect(putAside(ahead, rebuilding, MINUTE, NOW).arrivedAtMs).toBe(untilMs - 1);
  });

  it("keeps the store's doubt, and its own", () => {
    const rebuilding = { why: "store-rebuilding", untilMs: NOW } as const;
    const doubts = [
      putAside(FIRST, { ...rebuilding, doubt: true }, 0, NOW),
      putAside({ ...FIRST, doubt: true }, { ...rebuilding, doubt: false }, 0, NOW),
      putAside({ ...FIRST, doubt: true }, AWAY, 0, NOW),
    ];
    expect(doubts.map(({ doubt }) => doubt)).toEqual([true, true, true]);
  });

  it.each(["queue-full", "later-version"] as const)(
    "is doubted from then on when the store had it on record: %s",
    (why) => {
      expect(putAside(FIRST, { why }, SECOND, NOW)).toEqual({ ...FIRST, doubt: true });
    },
  );

  it("is marked as taken once another delivery took it over, and stays so", () => {
    const fenced = putAside(FIRST, { why: "fenced" }, SECOND, NOW);
    expect(fenced).toEqual({ ...FIRST, doubt: true, taken: true });
    expect(putAside(fenced, AWAY, SECOND, NOW).taken).toBe(true);
    expect(putAside(fenced, { why: "queue-full" }, SECOND, NOW).taken).toBe(true);
    const rebuilding = { why: "store-rebuilding", untilMs: NOW, doubt: false } as const;
    expect(putAside(fenced, rebuilding, SECOND, NOW).taken).toBe(true);
  });
});
