import { describe, expect, it } from "vitest";
import { notStartedYet, type RestoreTurn } from "../../../../src/core/decisions/not-started-yet.ts";
import { final, next } from "../../../../src/core/decision.ts";
import type { In } from "../../../../src/core/state/state.ts";
import {
  asNext,
  LADDER,
  moment,
  NOW,
  order,
  REFUSED,
  refusal,
  RULES,
  seen,
  SECOND,
  STATES,
  STOPPED,
  state,
  UNASKED,
  UNREADABLE,
} from "../builders.ts";

const LONGEST = LADDER.at(-1) ?? 0;
const FORBIDDEN = {
  kind: "refused",
  refusal: refusal({
    class: "permission",
    cloudCode: "Pdp.0001",
    nextStep: "Grant the right, then send a new command.",
  }),
} as const;

/** What becomes of a turn that stays in `restore`, `afterMs` after its phase began. */
function after(turn: Partial<RestoreTurn>, current = STATES.restore, afterMs = 0) {
  const stays = next(current, SECOND);
  const whole = { look: seen(), stopJob: null, ...turn };
  const now = moment({ nowMs: NOW + afterMs });
  const decision = notStartedYet(order(), current, { turn: whole, decision: stays }, now);
  return asNext(decision, "restore");
}

/** The same, after it has been so for as long as the longest rung. */
function later(turn: Partial<RestoreTurn>, current: In<"restore"> = STATES.restore) {
  return after(turn, after(turn, current).state, LONGEST);
}

describe("a server that we stopped, and that is not started yet", () => {
  it("what a person has to put right is published at once, with what the worker does then", () => {
    const { state: stays, events } = after({ look: FORBIDDEN });
    expect(events).toEqual([
      {
        event: "waiting",
        data: {
          waits_for: "cloud-unavailable",
          detail:
            "the server was stopped for it, and is not started again yet: it cannot be seen: the quota is used up",
          until: new Date(NOW + RULES.postFenceMs + RULES.startDeadlineMs).toISOString(),
          next_step: expect.stringMatching(/^Grant the right\. Until .*Z the worker then starts/),
          power: {
            before: "on",
            detail: "it cannot be seen: the quota is used up",
            next_step:
              "Look whether the server runs, and start it if it does not: it ran before. Grant the right.",
          },
          expires_at: expect.any(String),
        },
      },
    ]);
    expect(stays.waited).toEqual({ waitsFor: "cloud-unavailable", sinceMs: NOW });
  });

  it("is published once for each reason, whatever was seen in between", () => {
    const first = after({ look: FORBIDDEN }).state;
    expect(after({ look: FORBIDDEN }, first).events).toEqual([]);
    const between = after({}, first).state;
    expect(between).not.toHaveProperty("waited");
    expect(after({ look: FORBIDDEN }, between).events).toEqual([]);
    expect(after({ look: REFUSED }, between).events).toHaveLength(1);
  });

  it.each<[string, Partial<RestoreTurn>, string, string]>([
    [
      "the cloud is away",
      { look: UNREADABLE },
      "cloud-unavailable",
      "it cannot be seen: no answer",
    ],
    [
      "the job of its stop cannot be read",
      { stopJob: UNREADABLE },
      "cloud-unavailable",
      "whether its stop has ended cannot be seen: no answer",
    ],
    [
      "its start is not answered",
      { start: UNREADABLE },
      "cloud-unavailable",
      "its start is not answered: no answer",
    ],
    [
      "its start is throttled",
      { start: { kind: "refused", refusal: refusal({ class: "throttled", retryable: true }) } },
      "throttled",
      "its start is refused",
    ],
    [
      "its start is refused for now",
      { start: { kind: "refused", refusal: refusal({ class: "server-busy", retryable: true }) } },
      "server-unstable",
      "its start is refused",
    ],
  ])(
    "what may go by itself is published when it has gone on for the longest rung: %s",
    (_name, turn, waitsFor, words) => {
      const first = after(turn);
      expect(first.events).toEqual([]);
      expect(first.state.waited).toEqual({ waitsFor, sinceMs: NOW });
      const [event] = later(turn).events;
      expect(event?.data).toMatchObject({
        waits_for: waitsFor,
        detail: expect.stringContaining(words) as unknown,
      });
      expect(event?.data).not.toHaveProperty("next_step");
      expect(event?.data["power"]).not.toHaveProperty("next_step");
    },
  );

  it("a stop that nobody answered keeps it off until it is dead, and no longer", () => {
    const power = { ...STOPPED, stop: { askedAtMs: NOW } };
    const [event] = later({}, state("restore", { power })).events;
    expect(event?.data).toMatchObject({
      waits_for: "server-unstable",
      detail: expect.stringContaining(
        `may still come true until ${new Date(NOW + RULES.postFenceMs).toISOString()}`,
      ) as unknown,
      power: { before: "on", after: "off" },
    });
    const dead = after({}, state("restore", { power }), RULES.postFenceMs);
    expect(dead.state).not.toHaveProperty("waited");
    const runs = after({ look: seen({ status: "ACTIVE" }) }, state("restore", { power }));
    expect(runs.state).not.toHaveProperty("waited");
  });

  it("after a reinstall that worked, other words", () => {
    const success = {
      durationSeconds: 1,
      verified: true,
      evidence: "job",
      disk: "replaced",
    } as const;
    const current = state("restore", { after: { kind: "succeed", success } });
    expect(after({ look: FORBIDDEN }, current).events[0]?.data["detail"]).toContain(
      "the server is to run after its reinstall, and is not started yet",
    );
  });

  it("a right that is missing to start it is another than that to look at it", () => {
    const first = after({ look: FORBIDDEN }).state;
    const { state: stays, events } = after({ start: { ...FORBIDDEN, retryAfterMs: null } }, first);
    expect(events[0]?.data).toMatchObject({
      waits_for: "cloud-unavailable",
      detail: expect.stringContaining("its start is refused"),
      next_step: expect.stringMatching(/^Grant the right\. Until .*Z the worker then starts/),
    });
    expect(after({ start: { ...FORBIDDEN, retryAfterMs: null } }, stays).events).toEqual([]);
  });

  it("a turn in which nobody was asked changes nothing", () => {
    const first = after({ look: FORBIDDEN }).state;
    expect(after({ look: UNASKED }, first).state).toEqual(first);
  });

  it("who leaves the phase says the rest himself", () => {
    const ends = final({ event: "cancelled", data: {} });
    const turn = { look: FORBIDDEN, stopJob: null };
    const decision = notStartedYet(order(), STATES.restore, { turn, decision: ends }, moment());
    expect(decision).toBe(ends);
  });
});
