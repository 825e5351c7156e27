import { describe, expect, it } from "vitest";
import { LIST_RULES, type ListEnd, type RoundAnswer } from "../../../src/core/calls/list-round.ts";
import { endRound, type ListRound, takeRound } from "../../support/in-memory/script-list.ts";
import { MINUTE, NOW, SECOND } from "../core/builders.ts";

/** Polls one after the other, each so long after the one before. */
function polls(count: number, everyMs: number, from: { round?: ListRound; nowMs?: number } = {}) {
  let { round, nowMs = NOW } = from;
  const answers = Array.from({ length: count }, () => {
    const taken = takeRound(round, LIST_RULES, nowMs);
    round = taken.round;
    nowMs += everyMs;
    return taken.answer;
  });
  if (round === undefined) throw new Error("no poll");
  return { round, nowMs, answers, last: answers.at(-1) };
}

const kindOf = ({ kind }: RoundAnswer) => kind;

/** A list is being made since `begunMs`. */
function listing() {
  const busy = polls(11, 100);
  if (busy.last?.kind !== "listing") throw new Error("nobody lists");
  return { ...busy, begunMs: busy.last.begunMs };
}

function ended(end: ListEnd, afterMs = 500) {
  const { round, begunMs } = listing();
  return { begunMs, round: endRound(round, { begunMs, end }, LIST_RULES, begunMs + afterMs) };
}

describe("when polls share a list", () => {
  it("not while two or fewer are due in the time that one would serve", () => {
    const { answers } = polls(60, SECOND);
    expect(new Set(answers.map((one) => JSON.stringify(one)))).toEqual(
      new Set([JSON.stringify({ kind: "alone", why: "few" })]),
    );
  });

  it("from the eleventh poll within 10 s on: one makes it, the others wait for it", () => {
    const { answers, nowMs } = polls(14, 100);
    expect(answers.slice(0, 10).map(kindOf)).toEqual(Array(10).fill("alone"));
    expect(answers[10]).toEqual({ kind: "listing", begunMs: nowMs - 400 });
    expect(answers.slice(11).map(kindOf)).toEqual(Array(3).fill("awaited"));
  });

  it("only where its pages cost less than the polls", () => {
    const { round } = ended({ kind: "listed", pages: 5 });
    const next = polls(20, 100, { round, nowMs: NOW + 3 * SECOND });
    expect(next.last).toEqual({ kind: "alone", why: "few" });
    expect(polls(60, 100, { round, nowMs: NOW + 3 * SECOND }).last?.kind).not.toBe("alone");
  });

  it("is asked for 2 s from when it was begun, then anew", () => {
    const { round, begunMs } = ended({ kind: "listed", pages: 1 });
    const at = (nowMs: number) => takeRound(round, LIST_RULES, nowMs).answer;
    expect(at(begunMs + 2 * SECOND)).toEqual({ kind: "listed", atMs: begunMs });
    expect(at(begunMs + 2 * SECOND + 1)).toMatchObject({ kind: "listing" });
    // The clock of the store was put back.
    expect(at(begunMs - 1)).toMatchObject({ kind: "listing" });
  });

  it("ends when fewer polls come", () => {
    const { round, begunMs } = ended({ kind: "listed", pages: 1 });
    expect(takeRound(round, LIST_RULES, begunMs + 30 * SECOND).answer).toMatchObject({
      kind: "alone",
      why: "few",
    });
  });
});

describe("a list that is not made", () => {
  const busyAt = (round: ListRound, nowMs: number) =>
    polls(21, 50, { round, nowMs: nowMs - SECOND }).last;

  it("is left alone for 30 s, and twice as long each further time, ten minutes at most", () => {
    let { round, begunMs } = ended({ kind: "failed", atLeastMs: 0 }, 0);
    for (const seconds of [30, 60, 120, 240, 480, 600, 600]) {
      expect(busyAt(round, begunMs + seconds * SECOND - 1)).toEqual({ kind: "alone", why: "held" });
      const again = polls(21, 0, { round, nowMs: begunMs + seconds * SECOND });
      const one = again.answers.find((answer) => answer.kind === "listing");
      if (one?.kind !== "listing") throw new Error(`nobody lists after ${seconds} s`);
      begunMs = one.begunMs;
      const end = { kind: "failed", atLeastMs: 0 } as const;
      round = endRound(again.round, { begunMs, end }, LIST_RULES, begunMs);
    }
    expect(round.fails).toBe(8);
  });

  it("is left alone for as long as was asked", () => {
    const { round, begunMs } = ended({ kind: "failed", atLeastMs: 5 * MINUTE }, 0);
    expect(busyAt(round, begunMs + 5 * MINUTE - 1)).toEqual({ kind: "alone", why: "held" });
    expect(busyAt(round, begunMs + 5 * MINUTE + SECOND)).not.toMatchObject({ kind: "alone" });
  });

  it("counts as failed after 5 s, and changes nothing when it comes after all", () => {
    const { round, begunMs } = listing();
    const atMs = begunMs + LIST_RULES.leaseMs;
    expect(takeRound(round, LIST_RULES, atMs).answer).toEqual({ kind: "awaited" });
    const late = takeRound(round, LIST_RULES, atMs + 1);
    expect(late.answer).toEqual({ kind: "alone", why: "held" });
    expect(late.round).toMatchObject({ fails: 1, heldUntilMs: atMs + 1 + 30 * SECOND });
    const end = { kind: "listed", pages: 1 } as const;
    expect(endRound(late.round, { begunMs, end }, LIST_RULES, atMs + 2)).toBe(late.round);
  });

  it("for want of a call is made by the next poll", () => {
    const { round, begunMs } = ended({ kind: "unasked" });
    expect(takeRound(round, LIST_RULES, begunMs + 600).answer).toMatchObject({ kind: "listing" });
  });

  it("is forgiven with the next one that is made", () => {
    const failed = ended({ kind: "failed", atLeastMs: 0 }, 0);
    const again = polls(21, 0, { round: failed.round, nowMs: failed.begunMs + 31 * SECOND });
    const { begunMs } = again.round;
    const end = { kind: "listed", pages: 2 } as const;
    expect(endRound(again.round, { begunMs, end }, LIST_RULES, begunMs + 1)).toMatchObject({
      fails: 0,
      pages: 2,
      atMs: begunMs,
      begunMs: 0,
    });
  });
});
