import { describe, expect, it } from "vitest";
import {
  type CallsTaken,
  type CallsWanted,
  type RequestBudget,
  UNLIMITED,
} from "../../../../src/adapters/cloud/budget.ts";
import { createSpending } from "../../../../src/adapters/cloud/spending.ts";
import { PROJECT } from "../../core/builders.ts";
import { fakeClock } from "../../steps/fakes.ts";

/** A budget that answers what it is given, one after the other, and then always the same. */
function spendingOf(...answers: readonly CallsTaken[]) {
  const clock = fakeClock();
  const asked: CallsWanted[] = [];
  const budget: RequestBudget = {
    ...UNLIMITED,
    nowMs: () => clock.monotonicMs(),
    async take(_project, wanted) {
      const answer = answers[Math.min(asked.length, answers.length - 1)] ?? NOW;
      asked.push(wanted);
      return answer;
    },
  };
  const controller = new AbortController();
  const spending = createSpending({ budget, clock });
  return {
    clock,
    asked,
    controller,
    reserve: (wished: CallsWanted & { takenInMs?: number }) =>
      spending.reserve(PROJECT, wished, controller.signal),
    signal: controller.signal,
  };
}

const NOW: CallsTaken = {
  kind: "granted",
  delayMs: 0,
  spacingMs: 0,
  pace: { perSecond: 10, depth: 4 },
};
const IN_SIX: CallsTaken = { ...NOW, delayMs: 6_000 };
const PAIR = { class: 1, calls: 2 } as const;

function reservedBy(answer: Awaited<ReturnType<ReturnType<typeof spendingOf>["reserve"]>>) {
  if (answer.kind !== "reserved") throw new Error(`expected calls, got ${answer.message}`);
  return answer.calls;
}

describe("calls that are there", () => {
  it("are made without a wait, so many and no more", async () => {
    const { reserve, clock, signal } = spendingOf(NOW);
    const calls = reservedBy(await reserve(PAIR));
    expect(await calls.use(signal)).toEqual({ begunMs: clock.monotonicMs() });
    expect(await calls.use(signal)).not.toBeNull();
    expect(await calls.use(signal)).toBeNull();
    expect(clock.slept).toEqual([]);
  });

  it("are made apart where the cloud takes only one at a time, at most ten seconds", async () => {
    for (const [spacingMs, slept] of [
      [5_000, 5_000],
      [60_000, 10_000],
    ] as const) {
      const { reserve, clock, signal } = spendingOf({ ...NOW, spacingMs });
      const calls = reservedBy(await reserve(PAIR));
      await calls.use(signal);
      await calls.ready(signal);
      expect(clock.slept).toEqual([slept]);
      await calls.use(signal);
      expect(clock.slept).toEqual([slept]);
    }
  });

  it("are not taken again where the script that gave the slot has taken them", async () => {
    const { reserve, asked, clock } = spendingOf(NOW);
    reservedBy(await reserve({ class: 4, calls: 1, takenInMs: 80 }));
    expect(asked).toEqual([]);
    expect(clock.slept).toEqual([80]);
  });
});

describe("calls that come soon", () => {
  it("are waited for, and then it is asked whether the cloud has turned somebody away", async () => {
    const { reserve, clock, asked } = spendingOf(IN_SIX, NOW);
    reservedBy(await reserve(PAIR));
    expect(clock.slept).toEqual([6_000]);
    expect(asked).toEqual([PAIR, { class: 1, calls: 0 }]);
  });

  it("are waited for a little longer where it has, ten seconds in all", async () => {
    const { reserve, clock } = spendingOf(IN_SIX, { ...NOW, delayMs: 4_000 });
    reservedBy(await reserve(PAIR));
    expect(clock.slept).toEqual([6_000, 4_000]);
  });

  it("are not made where that takes longer", async () => {
    const { reserve } = spendingOf(IN_SIX, { ...NOW, delayMs: 4_001 });
    expect(await reserve(PAIR)).toMatchObject({
      kind: "unavailable",
      unasked: true,
      retryAfterMs: 4_001,
    });
  });

  it("are not made by a worker that has to stop meanwhile", async () => {
    const { reserve, controller } = spendingOf(IN_SIX);
    const reserving = reserve(PAIR);
    controller.abort();
    expect(await reserving).toMatchObject({ kind: "unavailable", unasked: true });
  });
});

describe("calls of a process that stood still", () => {
  it("go out one after the other, however many waits it wakes for together", async () => {
    const play = spendingOf(NOW);
    const began = play.clock.monotonicMs();
    const at: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      reservedBy(await play.reserve(PAIR));
      at.push(play.clock.monotonicMs() - began);
    }
    // Four at once, and then two for each 200 ms.
    expect(at).toEqual([0, 0, 200, 400, 600]);
  });

  it("do not wait longer for that than others wait", async () => {
    const slow = { ...NOW, pace: { perSecond: 0.2, depth: 1 } };
    const play = spendingOf(slow);
    play.clock.sleep = async () => {};
    reservedBy(await play.reserve(PAIR));
    reservedBy(await play.reserve(PAIR));
    expect(await play.reserve(PAIR)).toMatchObject({ kind: "unavailable", unasked: true });
  });
});

describe("calls that are not there", () => {
  it("send a poll back for the time that they need, and for a part of what all who wait need", async () => {
    const { reserve, clock } = spendingOf({ kind: "wait", ms: 2_000, spreadMs: 4_000 });
    // The dice of the test say 0.9.
    expect(await reserve({ class: 3, calls: 1 })).toMatchObject({ retryAfterMs: 5_600 });
    expect(clock.slept).toEqual([]);
  });

  it("never spread the others over more than ten seconds", async () => {
    const { reserve } = spendingOf({ kind: "wait", ms: 2_000, spreadMs: 600_000 });
    expect(await reserve({ class: 4, calls: 1 })).toMatchObject({ retryAfterMs: 11_000 });
  });

  it("let who waits in its step come back before that: it waits the rest there", async () => {
    const { reserve } = spendingOf({ kind: "wait", ms: 20_000, spreadMs: 4_000 });
    expect(await reserve(PAIR)).toMatchObject({ retryAfterMs: 19_000 });
  });
});
