import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../steps/ports/clock.ts";

/** The time and chance of the real world. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  random: () => Math.random(),
  nonce: () => randomUUID(),
  async sleep(ms, signal) {
    try {
      await sleep(ms, undefined, { signal, ref: true });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  },
};
