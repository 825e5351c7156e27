import { expect, it } from "vitest";
import { createQueueLag } from "../../../src/steps/queue-lag.ts";
import { fakeClock } from "./fakes.ts";

const WINDOW = 60_000;

function lagOf() {
  const clock = fakeClock();
  const lag = createQueueLag(clock, WINDOW);
  return { clock, lag, takenLate: (ms: number) => lag.taken(clock.nowMs() - ms) };
}

it("is nothing while nothing is taken, and while what is taken is in time", () => {
  const { clock, lag, takenLate } = lagOf();
  expect(lag.latestMs()).toBe(0);
  takenLate(0);
  // Another machine's clock is ahead, or the message comes to wait on.
  lag.taken(clock.nowMs() + 5_000);
  expect(lag.latestMs()).toBe(0);
});

it("is the most of what was taken lately", () => {
  const { lag, takenLate } = lagOf();
  takenLate(3_000);
  takenLate(20_000);
  takenLate(1_000);
  expect(lag.latestMs()).toBe(20_000);
});

it("counts for one window at least, and for two at most", () => {
  const { clock, lag, takenLate } = lagOf();
  clock.pass(WINDOW - 1);
  takenLate(20_000);
  clock.pass(WINDOW);
  expect(lag.latestMs()).toBe(20_000);
  takenLate(4_000);
  clock.pass(WINDOW);
  expect(lag.latestMs()).toBe(4_000);
  clock.pass(2 * WINDOW);
  expect(lag.latestMs()).toBe(0);
});
