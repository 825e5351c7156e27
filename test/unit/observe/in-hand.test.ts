import { describe, expect, it } from "vitest";
import { createHealth } from "../../../src/observe/health.ts";
import { createInHand, type Overdue } from "../../../src/observe/in-hand.ts";
import { SECOND } from "../core/builders.ts";
import { fakeClock } from "../steps/fakes.ts";

const LIMIT_MS = 700 * SECOND;

function build() {
  const clock = fakeClock();
  const told: Overdue[] = [];
  const inHand = createInHand({ clock, limitMs: LIMIT_MS, onOverdue: (one) => told.push(one) });
  return { clock, told, inHand };
}

describe("deliveries in hand", () => {
  it("are no reason for anything when there are none, however long that lasts", () => {
    const { clock, inHand, told } = build();
    clock.pass(100 * LIMIT_MS);
    expect(inHand.overdue()).toBeNull();
    expect(told).toEqual([]);
  });

  it("are overdue beyond the limit, not at it", () => {
    const { clock, inHand } = build();
    inHand.taken("work", "a/step/3");
    clock.pass(LIMIT_MS);
    expect(inHand.overdue()).toBeNull();
    clock.pass(SECOND);
    expect(inHand.overdue()).toEqual({
      queue: "work",
      messageId: "a/step/3",
      seconds: 701,
      limitSeconds: 700,
    });
  });

  it("are judged by the oldest, however many came and went after it", () => {
    const { clock, inHand } = build();
    const first = inHand.taken("work", "hangs");
    for (let second = 0; second <= 700; second++) {
      const ended = inHand.taken("work", `step ${second}`);
      clock.pass(SECOND);
      ended();
    }
    expect(inHand.overdue()).toMatchObject({ messageId: "hangs" });
    first();
    expect(inHand.overdue()).toBeNull();
  });

  it("each have a time of their own: a steady stream is not one long delivery", () => {
    const { clock, inHand } = build();
    let ended = inHand.taken("commands", undefined);
    for (let round = 0; round < 10; round++) {
      clock.pass(LIMIT_MS - SECOND);
      const next = inHand.taken("commands", undefined);
      ended();
      ended = next;
      expect(inHand.overdue()).toBeNull();
    }
  });

  it("are told once each, and again when another one hangs", () => {
    const { clock, inHand, told } = build();
    const ended = inHand.taken("work", "a");
    clock.pass(LIMIT_MS + SECOND);
    inHand.overdue();
    inHand.overdue();
    expect(told.map(({ messageId }) => messageId)).toEqual(["a"]);
    ended();
    inHand.taken("work-dead", "b");
    clock.pass(LIMIT_MS + SECOND);
    inHand.overdue();
    expect(told.map(({ messageId }) => messageId)).toEqual(["a", "b"]);
  });

  it("are not hurt by an end that is told twice", () => {
    const { clock, inHand } = build();
    const ended = inHand.taken("work", "a");
    ended();
    const other = inHand.taken("work", "a");
    ended();
    clock.pass(LIMIT_MS + SECOND);
    expect(inHand.overdue()).not.toBeNull();
    other();
    expect(inHand.overdue()).toBeNull();
  });
});

describe("liveness", () => {
  const health = (overdue: Overdue | null) =>
    createHealth(
      [{ name: "rabbitmq", check: () => ({ state: "down", detail: "refused" }) }],
      () => 0,
      () => overdue,
    );

  it("does not look at the dependencies", () => {
    expect(health(null).hangs()).toBeNull();
  });

  it("says which queue's delivery hangs, for how long, and what the limit is", () => {
    const overdue = { queue: "work", messageId: "a", seconds: 740, limitSeconds: 728 } as const;
    expect(health(overdue).hangs()).toBe(
      'a delivery of the queue "work" is in hand for 740 s; no step takes more than 728 s',
    );
  });
});
