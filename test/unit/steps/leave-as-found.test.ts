import { describe, expect, it } from "vitest";
import { cancelled } from "../../../src/core/endings.ts";
import { next } from "../../../src/core/decision.ts";
import { leavingAsFound } from "../../../src/steps/leave-as-found.ts";
import { conclude } from "../../../src/steps/step.ts";
import { BEFORE, BODY, envelope, moment, NOW, state } from "../core/builders.ts";
import { claimed } from "./fakes.ts";

const PREPARING = state("prepare", { power: { was: "on", mayHaveStopped: true } });
const SUBMIT = state("submit", { power: PREPARING.power });

/** What a step in `prepare` comes to, of a first delivery or of a later one. */
function after(
  decision: ReturnType<typeof cancelled>,
  later: Partial<Parameters<typeof claimed>[0]> | "redelivered" | "revived" | null,
) {
  const claim = claimed(typeof later === "object" && later !== null ? later : {});
  const message = envelope(PREPARING, later === "revived" ? { revived: 1 } : {});
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
    expect(after(cancelled(), null)).toMatchObject({ kind: "final" });
  });

  it.each(LATER)("starts the server first in a later one: %o", (later) => {
    expect(after(cancelled(), later)).toMatchObject({ kind: "next", state: { phase: "restore" } });
  });

  it.each(LATER)("tells the next step that a stop may be on its way: %o", (later) => {
    expect(after(next(PREPARING, 0), later)).toMatchObject({
      state: { phase: "prepare", power: { was: "on", stop: { askedAtMs: NOW } } },
    });
    expect(after(next(SUBMIT, 0), later)).toMatchObject({
      state: { phase: "submit", power: { mayHaveStopped: true, stop: { askedAtMs: NOW } } },
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

  it("does not write over a stop whose answer is known", () => {
    const stop = { askedAtMs: NOW - 1 };
    const stopped = { ...PREPARING, power: { was: "on" as const, mayHaveStopped: true, stop } };
    expect(after(next(stopped, 0), "redelivered")).toMatchObject({ state: stopped });
  });
});
