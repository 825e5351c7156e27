import { describe, expect, it } from "vitest";
import { createHandful } from "../../../../src/core/calls/handful.ts";

/** A worker that asks for a call whenever it has none in hand, and gets whatever it asks for beyond it. */
function worker(perSecond: number) {
  const hand = createHandful({ perSecond });
  let nowMs = 10_000;
  let questions = 0;
  const call = (): void => {
    if (hand.draw(1, nowMs)) return;
    questions += 1;
    const asked = hand.beyond(1, 0, nowMs);
    hand.add(asked, asked, nowMs);
  };
  return {
    hand,
    questions: () => questions,
    /** So many calls, evenly over a time. */
    calls: (count: number, overMs: number): void => {
      for (let n = 0; n < count; n += 1) {
        nowMs += overMs / count;
        call();
      }
    },
    nowMs: () => nowMs,
  };
}

describe("calls that a worker has in hand", () => {
  it.each([
    [9, 0],
    [10, 1],
    [50, 5],
    [160, 16],
    [10_000, 16],
  ])("are, at %d calls a second, at most %d", (perSecond, most) => {
    const { hand, calls, nowMs } = worker(perSecond);
    calls(1_000, 900);
    hand.drop();
    expect(hand.beyond(1, 0, nowMs())).toBe(most);
  });

  it("are no more than a quarter of what is made in a second: so none is taken in vain", () => {
    const slow = worker(10_000);
    slow.calls(9, 3_000);
    expect(slow.questions()).toBe(9);
    const quick = worker(10_000);
    quick.calls(400, 4_000);
    expect(quick.questions()).toBeLessThan(400 / 5);
  });

  it("are made one after the other, and all of those that belong together or none", () => {
    const { hand, calls, nowMs } = worker(100);
    calls(100, 1_000);
    hand.drop();
    const asked = hand.beyond(1, 0, nowMs());
    hand.add(3, asked, nowMs());
    expect(hand.draw(2, nowMs())).toBe(true);
    expect(hand.draw(2, nowMs())).toBe(false);
    expect(hand.draw(1, nowMs())).toBe(true);
    expect(hand.draw(1, nowMs())).toBe(false);
    expect(hand.draw(0, nowMs())).toBe(false);
  });

  it("are made within half a second of the last answer, or not at all", () => {
    const { hand } = worker(100);
    hand.add(5, 0, 1_000);
    expect(hand.draw(1, 1_499)).toBe(true);
    expect(hand.draw(1, 1_500)).toBe(false);
    hand.add(2, 0, 2_000);
    expect(hand.draw(3, 2_000)).toBe(false);
    expect(hand.draw(2, 2_000)).toBe(true);
  });

  it("are not asked for twice while a question is under way", () => {
    const { hand, calls, nowMs } = worker(100);
    calls(100, 1_000);
    hand.drop();
    expect([hand.beyond(1, 0, nowMs()), hand.beyond(1, 0, nowMs())]).toEqual([10, 0]);
    hand.add(0, 10, nowMs());
    expect(hand.beyond(1, 0, nowMs())).toBe(10);
  });

  it("are asked for as well by whoever waits for the question of another, but at a low rate", () => {
    const quick = createHandful({ perSecond: 100 });
    expect(quick.beyond(1, 30, 1_000)).toBe(30);
    expect(createHandful({ perSecond: 9 }).beyond(1, 30, 1_000)).toBe(0);
  });

  it("are gone once the cloud turns calls away", () => {
    const { hand } = worker(100);
    hand.add(5, 0, 1_000);
    hand.drop();
    expect(hand.draw(1, 1_000)).toBe(false);
  });

  it("are counted when they are made, each once", () => {
    const { hand } = worker(100);
    hand.add(5, 0, 1_000);
    hand.draw(2, 1_000);
    hand.draw(1, 1_000);
    expect([hand.drawn(), hand.drawn()]).toEqual([3, 0]);
  });
});
