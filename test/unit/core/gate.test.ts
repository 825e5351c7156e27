import { describe, expect, it } from "vitest";
import { describeHold, heldBy, type Hold } from "../../../src/core/gate.ts";
import {
  asFinal,
  asNext,
  candidate,
  MINUTE,
  moment,
  NOW,
  PAUSED,
  PROTECTED,
  RULES,
  state,
} from "./builders.ts";

describe("a command that a pause holds", () => {
  it("waits for the brake by its name, and says who paused what, when and why", () => {
    const { state: waiting, events } = asNext(
      heldBy(candidate(), PAUSED.hold, moment()),
      "waiting",
    );
    expect(waiting.waitsFor).toBe("pause");
    expect(events).toEqual([
      {
        event: "waiting",
        data: {
          waits_for: "pause",
          detail:
            "reinstalls are paused (project) by ada since 2026-11-23T15:00:00.000Z: maintenance",
          brake: {
            name: "pause",
            scope: "project",
            by: "ada",
            since: "2026-11-23T15:00:00.000Z",
            reason: "maintenance",
          },
          expires_at: expect.any(String),
        },
      },
    ]);
  });

  it("is told once, however often it is held", () => {
    const waiting = candidate({
      waiting: state("waiting", { waitsFor: "pause", holder: undefined, sinceMs: NOW - MINUTE }),
    });
    expect(asNext(heldBy(waiting, PAUSED.hold, moment()), "waiting").events).toEqual([]);
  });

  it("looks again within the longest delay, however long the pause lasts", () => {
    const waiting = candidate({
      waiting: state("waiting", {
        waitsFor: "pause",
        holder: undefined,
        sinceMs: NOW - 6 * 60 * MINUTE,
      }),
    });
    const { delayMs } = asNext(heldBy(waiting, PAUSED.hold, moment()), "waiting");
    expect(delayMs).toBeLessThanOrEqual(Math.max(...RULES.ladderMs));
  });

  it("ends a command whose server is protected, and says who, when and why", () => {
    const { draft, lock } = asFinal(heldBy(candidate(), PROTECTED, moment()), "rejected");
    expect(lock).toBe("free");
    expect(draft.data).toEqual({
      problems: [
        {
          path: "server_id",
          code: "protected",
          message: "the server is protected by ada since 2026-11-23T15:00:00.000Z: the database",
        },
      ],
      brake: {
        name: "protected",
        scope: "operator",
        by: "ada",
        since: "2026-11-23T15:00:00.000Z",
        reason: "the database",
      },
    });
  });

  it("does not say that nothing was done where that is not known", () => {
    const held = heldBy(candidate({ doubt: true }), PROTECTED, moment());
    expect(asNext(held, "waiting").state).toMatchObject({ waitsFor: "protected", doubt: true });
  });

  it.each<[Hold, string]>([
    [
      { brake: "protected", verdict: "no", scope: "configuration" },
      "the server is protected by the worker's configuration",
    ],
    [
      { brake: "pause", verdict: "wait", scope: "configuration" },
      "reinstalls are paused by the worker's configuration",
    ],
    [
      { brake: "pause", verdict: "wait", scope: "project", reason: "set by an older version" },
      "reinstalls are paused (project): set by an older version",
    ],
    [
      { brake: "pause", verdict: "wait", scope: "group:web", by: "ada", sinceMs: NOW, reason: "r" },
      "reinstalls are paused (group:web) by ada since 2026-11-23T15:00:00.000Z: r",
    ],
  ])("reads as one sentence: %j", (hold, sentence) => {
    expect(describeHold(hold)).toBe(sentence);
  });
});
