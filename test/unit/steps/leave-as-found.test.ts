import { describe, expect, it } from "vitest";
import { JobId } from "../../../src/contract/ids.ts";
import { type Decision, type Next, next } from "../../../src/core/decision.ts";
import { cancelled } from "../../../src/core/endings.ts";
import type { Rules } from "../../../src/core/rules.ts";
import type { In } from "../../../src/core/state/state.ts";
import { leavingAsFound } from "../../../src/steps/leave-as-found.ts";
import { conclude } from "../../../src/steps/step.ts";
import { afterStop } from "../../../src/core/decisions/decide-prepare.ts";
import {
  BEFORE,
  BODY,
  envelope,
  MINUTE,
  moment,
  NOW,
  state,
  UNREADABLE,
} from "../core/builders.ts";
import { claimed } from "./fakes.ts";

const JOB = JobId.parse("ff80808288d41e1b018990260955686a");
const PREPARING = state("prepare", { power: { was: "on", mayHaveStopped: true } });
/** By then another delivery that is slow has sent its stop, or does not send it any more. */
const UNTIL = NOW + moment().rules.signatureMaxAgeMs;
const SUBMIT = state("submit", { power: PREPARING.power });

/** What a step in `prepare` comes to, of a first delivery or of a later one. */
function after(
  decision: ReturnType<typeof cancelled>,
  later: Partial<Parameters<typeof claimed>[0]> | "redelivered" | "revived" | null,
  from: In<"prepare"> = PREPARING,
) {
  const claim = claimed(typeof later === "object" && later !== null ? later : {});
  const message = envelope(from, later === "revived" ? { revived: 1 } : {});
  const arrival = { redelivered: later === "redelivered" };
  const result = conclude(claim, message, decision);
  const found = leavingAsFound(result, { envelope: message, claimed: claim, arrival }, moment());
  if (found.kind !== "conclude") throw new Error(found.kind);
  return found.decision;
}

const LATER = [
  "redelivered",
  "revived",
  { takenOver: true },
  { restored: "absent" },
  { restored: "behind" },
] as const;

describe("a step in prepare, of a message that says that we may have stopped the server", () => {
  it("ends at once in its first delivery: no stop can have been asked for", () => {
    expect(after(cancelled({}), null)).toMatchObject({ kind: "final" });
  });

  it.each(LATER)("starts the server first in a later one: %o", (later) => {
    expect(after(cancelled({}), later)).toMatchObject({
      kind: "next",
      state: { phase: "restore" },
    });
  });

  it.each(LATER)("tells the next step that a stop may be on its way: %o", (later) => {
    expect(after(next(PREPARING, 0), later)).toMatchObject({
      state: { phase: "prepare", power: { was: "on", stop: { askedAtMs: UNTIL } } },
    });
    expect(after(next(SUBMIT, 0), later)).toMatchObject({
      state: { phase: "submit", power: { mayHaveStopped: true, stop: { askedAtMs: UNTIL } } },
    });
  });

  it("keeps what is said before the first stop, as long as one may follow", () => {
    expect(after(next(PREPARING, 0), null)).toMatchObject({ state: PREPARING });
  });

  it("goes to the POST with what is known: somebody else stopped the server", () => {
    expect(after(next(SUBMIT, 0), null)).toMatchObject({
      state: { phase: "submit", body: BODY, before: BEFORE, power: { mayHaveStopped: false } },
    });
  });

  const stopped = (stop: { askedAtMs: number; jobId?: JobId }) =>
    ({ ...PREPARING, power: { was: "on", mayHaveStopped: true, stop } }) as const;

  it.each(LATER)("keeps the stop of an earlier delivery beside its own: %o", (later) => {
    const decision = next(stopped({ askedAtMs: NOW - 1, jobId: JOB }), 0);
    expect(after(decision, later)).toMatchObject({
      state: { power: { stop: { askedAtMs: NOW - 1, jobId: JOB, unansweredAtMs: UNTIL } } },
    });
    expect(after(next(stopped({ askedAtMs: NOW - 1 }), 0), later)).toMatchObject({
      state: { power: { stop: { askedAtMs: UNTIL } } },
    });
  });

  it("knows one stop only in its first delivery", () => {
    const own = stopped({ askedAtMs: NOW, jobId: JOB });
    expect(after(next(own, 0), null)).toMatchObject({ state: own });
  });

  it("does not think of another stop where none was due yet", () => {
    const asked = { ...stopped({ askedAtMs: NOW - 1, jobId: JOB }) };
    const waiting = { ...asked, stop: { type: "SOFT" as const, askedAtMs: NOW - 1, jobId: JOB } };
    const decision = after(next(waiting, 0), "redelivered", waiting);
    expect(decision).toMatchObject({ state: { power: asked.power } });
    expect(decision).not.toHaveProperty("state.power.stop.unansweredAtMs");
  });
});

describe("a stop that may have been asked for, and whose answer nobody has", () => {
  const eventsOf = (decision: Decision) =>
    decision.kind === "next" ? decision.events : "ended at once";
  const STOPPING = {
    event: "stopping",
    data: { stop_type: "SOFT", detail: expect.stringContaining("no answer is known") },
  };

  it.each(LATER)("is told when the server is found stopped by a later delivery: %o", (later) => {
    expect(eventsOf(after(next(SUBMIT, 0), later))).toEqual([STOPPING]);
    expect(eventsOf(after(cancelled({}), later))).toEqual([STOPPING]);
  });

  it("is told by a later step, which knows of it by its message", () => {
    const power = { was: "on", mayHaveStopped: true, stop: { askedAtMs: NOW - 1 } } as const;
    const from = state("prepare", { power });
    expect(eventsOf(after(next(SUBMIT, 0), null, from))).toEqual([STOPPING]);
    expect(eventsOf(after(next(from, 0), null, from))).toEqual([]);
  });

  it("is not told twice, nor where nobody can have asked for it", () => {
    const told = state("prepare", {
      power: { was: "on", mayHaveStopped: true, stop: { askedAtMs: NOW - 1 } },
      stop: { type: "SOFT", askedAtMs: NOW - 1 },
    });
    expect(eventsOf(after(next(SUBMIT, 0), "redelivered", told))).toEqual([]);
    expect(eventsOf(after(next(SUBMIT, 0), null))).toEqual([]);
    expect(eventsOf(after(next(PREPARING, 0), "redelivered"))).toEqual([]);
  });
});

describe("a hard stop after a soft one that was published", () => {
  const soft = { type: "SOFT", askedAtMs: NOW - 10 * MINUTE, jobId: JOB } as const;
  const power = {
    was: "on",
    mayHaveStopped: true,
    stop: { ...soft, unansweredAtMs: NOW },
  } as const;
  const softly = state("prepare", { power, stop: soft });
  const HARD = {
    event: "stopping",
    data: { stop_type: "HARD", detail: expect.stringContaining("no answer is known") },
  };
  const eventsOf = (decision: Decision) =>
    decision.kind === "next" ? decision.events : "ended at once";

  it.each(LATER)("that another delivery may have asked for is published: %o", (later) => {
    expect(eventsOf(after(next(SUBMIT, 0), later, softly))).toEqual([HARD]);
    expect(eventsOf(after(cancelled({}), later, softly))).toEqual([HARD]);
  });

  it("whose answer is lost is published by the step that finds the server stopped", () => {
    const lost = UNREADABLE;
    const { state: stays } = afterStop(softly, "HARD", lost, moment()) as Next;
    if (stays.phase !== "prepare") throw new Error(stays.phase);
    expect(eventsOf(after(next(SUBMIT, 0), null, stays))).toEqual([HARD]);
  });

  it("is not published before it was due, nor by the only delivery that may have asked for it", () => {
    const young = { ...softly, stop: { ...soft, askedAtMs: NOW - 1 } };
    expect(eventsOf(after(next(SUBMIT, 0), "redelivered", young))).toEqual([]);
    expect(eventsOf(after(next(SUBMIT, 0), null, softly))).toEqual([]);
  });

  it("is published once, with its answer, where it is asked for again", () => {
    const from = { ...softly, stop: { ...soft, hardUnanswered: true } } as const;
    const again = afterStop(from, "HARD", { kind: "accepted", jobId: JOB }, moment()) as Next;
    expect(again.events).toMatchObject([{ data: { stop_type: "HARD", job_id: JOB } }]);
    expect(again.state).not.toHaveProperty("stop.hardUnanswered");
  });
});

describe("a command whose server was stopped for an earlier try, and started again before it waited", () => {
  const power = { was: "on", mayHaveStopped: false, startedAgain: true } as const;
  const leaving = (decision: Decision, from: In<"waiting"> | In<"prepare">) => {
    const [message, claim] = [envelope(from), claimed()];
    const taken = { envelope: message, claimed: claim, arrival: { redelivered: false } };
    const found = leavingAsFound(conclude(claim, message, decision), taken, moment());
    if (found.kind !== "conclude") throw new Error(found.kind);
    return found.decision;
  };

  it.each([state("waiting", { power }), state("prepare", { power })])(
    "says so when it ends without another try: $phase",
    (from) => {
      expect(leaving(cancelled({}), from)).toMatchObject({
        kind: "final",
        draft: { data: { power: { before: "on", after: "on" } } },
      });
    },
  );

  it("says nothing while it goes on, nor where it was never stopped", () => {
    const waiting = state("waiting", { power });
    expect(leaving(next(waiting, 0), waiting)).toEqual(next(waiting, 0));
    const untouched = state("waiting", { power: { was: "on", mayHaveStopped: false } });
    expect(leaving(cancelled({}), untouched)).toEqual(cancelled({}));
  });
});

describe("a request of a server that runs, which the cloud was asked to stop for it", () => {
  const running = state("submit", { power: { was: "on", mayHaveStopped: false } });
  const after = (
    decision: Decision,
    rules: Partial<Rules>,
    submitted: { submitted?: true } = {},
  ) => {
    const [message, claim] = [envelope(running), claimed()];
    const result = { ...conclude(claim, message, decision), ...submitted };
    const taken = { envelope: message, claimed: claim, arrival: { redelivered: false } };
    const { rules: present } = moment();
    const found = leavingAsFound(result, taken, moment({ rules: { ...present, ...rules } }));
    if (found.kind !== "conclude") throw new Error(found.kind);
    return found.decision;
  };

  it("ends with the server running, whatever was answered", () => {
    expect(after(cancelled({}), { stopBy: "cloud" }, { submitted: true })).toMatchObject({
      kind: "next",
      state: { phase: "restore", power: { was: "on", mayHaveStopped: true } },
    });
  });

  it("ends at once where nothing was sent, or nobody was asked to stop it", () => {
    expect(after(cancelled({}), { stopBy: "cloud" })).toMatchObject({ kind: "final" });
    expect(after(cancelled({}), {}, { submitted: true })).toMatchObject({ kind: "final" });
  });

  it("stays at the line knowing that it may be off", () => {
    const waits = next(state("waiting", { waitsFor: "throttled" }), 5_000);
    expect(after(waits, { stopBy: "cloud" }, { submitted: true })).toMatchObject({
      state: { phase: "submit", power: { was: "on", mayHaveStopped: true } },
    });
  });
});
