import { describe, expect, it } from "vitest";
import { afterSubmission } from "../../../../src/core/decisions/decide-submit.ts";
import { refusedAgain } from "../../../../src/core/decisions/refused-again.ts";
import type { Submission } from "../../../../src/core/server/observations.ts";
import type { In } from "../../../../src/core/state/state.ts";
import { asNext, MINUTE, moment, NOW, order, refusal, RULES, SECOND, state } from "../builders.ts";

const HOUR = 60 * MINUTE;
const WRONG_STATE = refusal({ cloudCode: "Ecs.0100" });

/** One server that is refused whenever it is tried, for so long: what the cloud and whoever follows the command get. */
function playFor(
  ms: number,
  answer: (n: number) => { code: string; askedMs: number | null },
  rules = RULES,
) {
  let current = state("submit");
  const tries: number[] = [];
  const events: { readonly atMs: number; readonly nextStep: unknown }[] = [];
  for (let nowMs = NOW; nowMs < NOW + ms; ) {
    const { code, askedMs } = answer(tries.length);
    const outcome: Submission = {
      kind: "later",
      waitsFor: "server-unstable",
      refusal: refusal({ cloudCode: code }),
      retryAfterMs: askedMs,
    };
    const endless = order({ expiresAtMs: NOW + 1_000 * HOUR });
    const sent = { outcome, signedAtMs: nowMs };
    const decision = asNext(
      afterSubmission(endless, current, sent, moment({ nowMs, rules })),
      "waiting",
    );
    tries.push(nowMs - NOW);
    for (const { data } of decision.events) {
      events.push({ atMs: nowMs - NOW, nextStep: data["next_step"] });
    }
    const { tries: kept, body } = decision.state;
    const next: In<"submit"> = { ...current, tries: kept, body };
    current = next;
    nowMs += decision.delayMs;
  }
  return { tries, events };
}

const always =
  (code: string, askedMs: number | null = null) =>
  () => ({ code, askedMs });

describe("a server that the cloud refuses again and again", () => {
  it("rests 1, 2, 5, 10, and then 30 minutes", () => {
    const { tries } = playFor(2 * HOUR, always("Ecs.0100"));
    expect(tries.map((ms) => ms / MINUTE)).toEqual([0, 1, 3, 8, 18, 48, 78, 108]);
  });

  it("is tried 52 times in a day, and told of six times", () => {
    const { tries, events } = playFor(24 * HOUR, always("Ecs.0100"));
    expect(tries).toHaveLength(52);
    expect(events).toHaveLength(6);
  });

  it("after an hour says what a person should do, once", () => {
    const { events } = playFor(24 * HOUR, always("Ecs.0100"));
    const advised = events.filter(({ nextStep }) => nextStep !== undefined);
    expect(advised.map(({ atMs }) => atMs / MINUTE)).toEqual([78]);
    expect(advised[0]?.nextStep).toContain("Ecs.0100");
    expect(advised[0]?.nextStep).toContain("ecs-reinstall cancel");
  });

  it("begins anew with another reason", () => {
    const { tries } = playFor(20 * MINUTE, (n) => ({
      code: n < 3 ? "Ecs.0100" : "Ecs.0603",
      askedMs: null,
    }));
    expect(tries.map((ms) => ms / MINUTE)).toEqual([0, 1, 3, 8, 9, 11, 16]);
  });

  it("rests at least as long as the cloud asks, in full", () => {
    const asked = playFor(30 * MINUTE, always("Ecs.0603", 7 * MINUTE));
    expect(asked.tries.map((ms) => ms / MINUTE)).toEqual([0, 7, 14, 21]);
    const short = playFor(4 * MINUTE, always("Ecs.0603", 5 * SECOND));
    expect(short.tries.map((ms) => ms / MINUTE)).toEqual([0, 5 / 60, 2 + 5 / 60]);
  });

  it("rests by the longest delay where the ladder is short", () => {
    const rules = { ...RULES, ladderMs: [100, 1_000] };
    const { tries } = playFor(20 * SECOND, always("Ecs.0100"), rules);
    expect(tries.map((ms) => ms / SECOND)).toEqual([0, 1, 3, 8, 18]);
  });
});

it("a refusal is forgotten with the first of another kind of answer", () => {
  const before = { code: "Ecs.0100", times: 4, sinceMs: NOW - HOUR };
  const current = state("submit", { tries: { attempt: 5, spent: 0, refused: before } });
  const outcome: Submission = { kind: "unknown", message: "reset" };
  const decision = afterSubmission(order(), current, { outcome, signedAtMs: NOW }, moment());
  expect(asNext(decision, "reconcile").state.tries).toEqual({ attempt: 5, spent: 1 });
  const again = refusedAgain(
    undefined,
    { order: order(), refusal: WRONG_STATE, askedMs: null },
    moment(),
  );
  expect(again.refused).toEqual({ code: "Ecs.0100", times: 1, sinceMs: NOW });
});
