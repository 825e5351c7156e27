import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { unlessLate } from "../../../src/adapters/time-limits.ts";

const NEVER = new AbortController().signal;

test("gives what the work gives, and leaves neither timer nor listener behind", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const controller = new AbortController();
    const removed = vi.spyOn(controller.signal, "removeEventListener");
    await expect(unlessLate(Promise.resolve("done"), 1_000, controller.signal)).resolves.toBe(
      "done",
    );
    expect(vi.getTimerCount()).toBe(0);
    expect(removed).toHaveBeenCalled();
  } finally {
    vi.useRealTimers();
  }
});

test("rejects as the work does", async () => {
  const work = Promise.reject(new Error("no"));
  await expect(unlessLate(work, 1_000, NEVER)).rejects.toThrow("no");
});

test("undefined when the time was faster", async () => {
  await expect(unlessLate(new Promise(() => {}), 1, NEVER)).resolves.toBeUndefined();
});

test("undefined when the signal was faster, or was aborted before", async () => {
  const controller = new AbortController();
  const waiting = unlessLate(new Promise(() => {}), 10_000, controller.signal);
  await nextTurn();
  controller.abort();
  await expect(waiting).resolves.toBeUndefined();
  await expect(
    unlessLate(Promise.resolve("x"), 10_000, controller.signal),
  ).resolves.toBeUndefined();
});
