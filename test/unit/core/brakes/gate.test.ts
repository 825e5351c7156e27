import { describe, expect, it } from "vitest";
import { heldBy } from "../../../../src/core/brakes/gate.ts";
import { describeHold, describeVerdict, type Hold } from "../../../../src/core/brakes/hold.ts";
import {
  asFinal,
  asNext,
  candidate,
  MINUTE,
  moment,
  NOW,
  order,
  PAUSED,
  PROJECT,
  PROTECTED,
  QUARANTINED,
  RESTING,
  RULES,
  SERVER,
  state,
  SLOWED,
  STORM,
} from "../builders.ts";

const UNREADABLE_PAUSE = {
  brake: "pause",
  verdict: "wait",
  scope: "project",
  by: "unknown",
  reason: "its entry cannot be read",
} as const;

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

  it("ends a command whose server was reinstalled too often, with the reinstalls", () => {
    const { draft } = asFinal(heldBy(candidate(), QUARANTINED, moment()), "quarantined");
    const at = "2026-11-23T15:00:00.000Z";
    expect(draft.data).toEqual({
      limit: 3,
      window_seconds: 86_400,
      reinstalls: [
        { command_id: "cmd-1", at, source: "healer", reason: "ping", outcome: "succeeded" },
        { command_id: "cmd-2", at, outcome: "unresolved" },
        { command_id: "cmd-3", at, source: "healer" },
      ],
      brake: {
        name: "quarantine",
        limit: 3,
        detail: "the server was reinstalled 3 times within 86400 s (at most 3), last by cmd-3",
      },
      next_step: expect.stringContaining(
        `ecs-reinstall release ${SERVER} --project ${PROJECT} --reason`,
      ),
    });
  });

  it("waits for a server that rests no longer than the longest delay, and says until when", () => {
    const held = asNext(heldBy(candidate(), RESTING, moment()), "waiting");
    expect(held.delayMs).toBeLessThanOrEqual(Math.max(...RULES.ladderMs));
    expect(held.events).toMatchObject([
      {
        event: "waiting",
        data: {
          waits_for: "cooldown",
          brake: { name: "cooldown", until: "2026-11-23T15:10:00.000Z", command_id: "cmd-1" },
        },
      },
    ]);
  });

  it("waits for a person, and says of whose commands that is asked and how it is given", () => {
    const hold = {
      brake: "approval",
      verdict: "wait",
      scope: "group:db",
      command: "cmd-1",
    } as const satisfies Hold;
    const { state: waiting, events } = asNext(heldBy(candidate(), hold, moment()), "waiting");
    expect(waiting.waitsFor).toBe("approval");
    expect(events).toMatchObject([
      {
        data: {
          detail: `a person must approve it (group:db): ecs-reinstall approve cmd-1 --project ${PROJECT} --reason …`,
          brake: { name: "approval", scope: "group:db" },
        },
      },
    ]);
  });

  it("says of a verdict that is go who approved it, or that it is lifted", () => {
    const go = { verdict: "go" } as const;
    const approved = { brake: "approval", ...go, by: "ada", sinceMs: NOW, reason: "r" } as const;
    expect(describeVerdict(approved, PROJECT)).toBe(
      "approved by ada since 2026-11-23T15:00:00.000Z: r",
    );
    expect(describeVerdict({ brake: "windows", ...go, overridden: true }, PROJECT)).toBe(
      "lifted by the command's override",
    );
    expect(describeVerdict({ brake: "pause", ...go }, PROJECT)).toBeNull();
  });

  it("waits until fewer commands of its source have started, and says of which, how many and until when", () => {
    const spent = { brake: "source", verdict: "wait", limit: 5, untilMs: NOW + MINUTE } as const;
    const held = asNext(heldBy(candidate(), { ...spent, source: "healer" }, moment()), "waiting");
    expect(held.state.waitsFor).toBe("source");
    expect(held.delayMs).toBeLessThanOrEqual(Math.max(...RULES.ladderMs));
    expect(held.events[0]?.data).toMatchObject({
      waits_for: "source",
      detail:
        "commands with the source healer have started 5 reinstalls within an hour, as many as may: not before 2026-11-23T15:01:00.000Z",
      brake: { name: "source", limit: 5, until: "2026-11-23T15:01:00.000Z" },
    });
    expect(describeHold(spent, PROJECT)).toContain("commands with no source have started 5");
    const empty = describeHold({ ...spent, source: "" }, PROJECT);
    expect(empty).toContain("commands with an empty source have started 5");
    const user = { ...spent, brake: "sender", sender: "healer" } as const;
    expect(asNext(heldBy(candidate(), user, moment()), "waiting").state.waitsFor).toBe("sender");
    expect(describeHold(user, PROJECT)).toContain("of the broker user healer have started 5");
  });

  it.each([
    [10, 9, 2_000],
    [10, 10, 5_000],
    [10, 20, 30_000],
    [10, 1_501, 60_000],
    [1_000, 0, 2_000],
    [1_000, 999, 30_000],
  ])(
    "asks again by its place in line, however many wait: of a cap of %i, %i ahead",
    (cap, ahead, delayMs) => {
      const hold: Hold = { brake: "cap", verdict: "wait", ahead, cap, running: cap };
      const one = { ...candidate(), waitingCommands: 20_000 };
      expect(asNext(heldBy(one, hold, moment()), "waiting").delayMs).toBe(delayMs);
    },
  );

  it.each([10, 50, 1_000])(
    "with a cap of %i, those of a long line whose turn is near make few tries",
    (cap) => {
      const tries = Array.from({ length: 1_501 }, (_, ahead) => {
        const hold: Hold = { brake: "cap", verdict: "wait", ahead, cap, running: cap };
        return 1_000 / asNext(heldBy(candidate(), hold, moment()), "waiting").delayMs;
      });
      expect(tries.reduce((sum, inASecond) => sum + inASecond, 0)).toBeLessThan(150);
    },
  );

  it("asks again soon after the windows open, within the longest delay, and says when that is", () => {
    const closed = (untilMs?: number) =>
      ({ brake: "windows", verdict: "wait", reason: "a freeze", untilMs }) as const satisfies Hold;
    const held = asNext(heldBy(candidate(), closed(NOW + 40_000), moment()), "waiting");
    expect(held.state.waitsFor).toBe("windows");
    expect(held.delayMs).toBe(30_000);
    expect(asNext(heldBy(candidate(), closed(NOW + 3_000), moment()), "waiting").delayMs).toBe(
      2_000,
    );
    const far = asNext(heldBy(candidate(), closed(NOW + 48 * 60 * MINUTE), moment()), "waiting");
    expect(far.delayMs).toBeLessThanOrEqual(Math.max(...RULES.ladderMs));
    expect(held.events).toMatchObject([
      {
        data: {
          detail: "nothing begins until 2026-11-23T15:00:40.000Z: it is a freeze",
          brake: { name: "windows", until: "2026-11-23T15:00:40.000Z", reason: "a freeze" },
        },
      },
    ]);
    const [late] = asNext(
      heldBy(
        candidate({ order: order({ expiresAtMs: NOW + 40_000 }) }),
        closed(NOW + 40_000),
        moment(),
      ),
      "waiting",
    ).events;
    expect(late?.data["detail"]).toBe(
      "nothing begins until 2026-11-23T15:00:40.000Z: it is a freeze; it expires before that, at 2026-11-23T15:00:40.000Z",
    );
    expect(describeHold(closed(), PROJECT)).toBe(
      "nothing begins, and no opening is in sight within 35 days: it is a freeze",
    );
  });

  it("says nothing of the time of an entry that nobody can read", () => {
    const { events } = asNext(
      heldBy(candidate(), { ...UNREADABLE_PAUSE, sinceMs: 0 }, moment()),
      "waiting",
    );
    expect(JSON.stringify(events)).not.toContain("1970");
    expect(events[0]?.data).toMatchObject({ brake: { name: "pause", by: "unknown" } });
  });

  it("says of a storm of failures what failed, and since when", () => {
    const [told] = asNext(heldBy(candidate(), STORM, moment()), "waiting").events;
    expect(told?.data).toMatchObject({
      waits_for: "storm-failures",
      brake: {
        name: "storm-failures",
        since: "2026-11-23T15:00:00.000Z",
        until: "2026-11-23T15:10:00.000Z",
        reason: STORM.reason,
        lift: `ecs-reinstall resume storm-failures --project ${PROJECT} --reason …`,
      },
    });
  });

  it("says of a cap that a storm of asks has lowered why, and what lifts it", () => {
    const [told] = asNext(heldBy(candidate(), SLOWED, moment()), "waiting").events;
    const lift = `ecs-reinstall resume storm-asks --project ${PROJECT} --reason …`;
    expect(told?.data).toMatchObject({
      waits_for: "cap",
      detail: `reinstalls of the project in work: 10 (at most 1, lowered by storm-asks: ${SLOWED.because}); commands ahead in line: 3; to lift storm-asks: ${lift}`,
      brake: { name: "cap", limit: 1, lowered_by: "storm-asks", reason: SLOWED.because, lift },
    });
  });

  it("does not say that nothing was done where that is not known", () => {
    const held = heldBy(candidate({ mayHaveRun: true }), PROTECTED, moment());
    expect(asNext(held, "waiting").state).toMatchObject({
      waitsFor: "protected",
      doubt: true,
    });
  });

  it.each<[Parameters<typeof describeHold>[0], string]>([
    [
      { brake: "storm-asks", verdict: "wait", sinceMs: NOW, reason: SLOWED.because },
      `one reinstall at a time since 2026-11-23T15:00:00.000Z: ${SLOWED.because}; to lift: ecs-reinstall resume storm-asks --project ${PROJECT} --reason …`,
    ],
    [
      STORM,
      `stopped since 2026-11-23T15:00:00.000Z: 5 reinstalls in a row failed, most often: job-failed Ecs.0319; one command goes after 2026-11-23T15:10:00.000Z, or: ecs-reinstall resume storm-failures --project ${PROJECT} --reason …`,
    ],
    [
      { brake: "storm-failures", verdict: "wait", sinceMs: NOW, reason: "r", probe: "cmd-1" },
      `stopped since 2026-11-23T15:00:00.000Z: r; waits for cmd-1 to end, or: ecs-reinstall resume storm-failures --project ${PROJECT} --reason …`,
    ],
    [
      RESTING,
      "the server was reinstalled by cmd-1 until 2026-11-23T15:00:00.000Z: not again before 2026-11-23T15:10:00.000Z",
    ],
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
    [
      { ...UNREADABLE_PAUSE, sinceMs: 0 },
      "reinstalls are paused (project) by unknown: its entry cannot be read",
    ],
    [
      { brake: "storm-asks", verdict: "wait", sinceMs: 0, reason: "r" },
      `one reinstall at a time: r; to lift: ecs-reinstall resume storm-asks --project ${PROJECT} --reason …`,
    ],
  ])("reads as one sentence: %j", (hold, sentence) => {
    expect(describeHold(hold, PROJECT)).toBe(sentence);
  });
});
