import { describe, expect, it } from "vitest";
import { createWorkLag } from "../../../src/steps/work-lag.ts";
import { MINUTE, NOW, SECOND } from "../core/builders.ts";
import { fakeClock } from "./fakes.ts";

const WINDOW_MS = 5 * MINUTE;

function lagging() {
  const clock = fakeClock();
  return { clock, lag: createWorkLag(clock, WINDOW_MS) };
}

describe("how far behind the work queue is", () => {
  it("is nothing before anything was taken", () => {
    expect(lagging().lag.behindMs()).toBe(0);
  });

  it("is the longest that a message of the last window had lain there", () => {
    const { lag } = lagging();
    for (const minutes of [2, 10, 1]) lag.took(NOW - minutes * MINUTE);
    expect(lag.behindMs()).toBe(10 * MINUTE);
  });

  it("is not negative where the broker's clock is ahead", () => {
    const { lag } = lagging();
    lag.took(NOW + SECOND);
    expect(lag.behindMs()).toBe(0);
  });

  it("is remembered for a window at the least, and for two at the most", () => {
    const { clock, lag } = lagging();
    lag.took(NOW - 10 * MINUTE);
    clock.pass(WINDOW_MS);
    expect(lag.behindMs()).toBe(10 * MINUTE);
    clock.pass(WINDOW_MS);
    expect(lag.behindMs()).toBe(0);
  });

  it("is nothing after a long time in which nobody asked and nothing came", () => {
    const { clock, lag } = lagging();
    lag.took(NOW - 10 * MINUTE);
    clock.pass(10 * WINDOW_MS);
    expect(lag.behindMs()).toBe(0);
  });
});
