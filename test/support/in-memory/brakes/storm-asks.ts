import { asksAreOff, asksEntry, asksGoOn, endAsks } from "./asks.ts";
import type { TwinBrake } from "./twin-brake.ts";

/** `brakes/storm-asks.lua`. */
export const stormAsks: TwinBrake = {
  name: "storm-asks",
  at: [],
  before({ m, rules, nowMs, askedAtMs }) {
    if (askedAtMs === undefined) endAsks(m, rules, nowMs);
  },
  ask({ m, rules, nowMs }) {
    const { on, atMs: sinceMs, reason } = asksEntry(m);
    if (asksAreOff(rules) || !on || !asksGoOn(m, rules, nowMs)) return null;
    return { brake: "storm-asks", verdict: "wait", sinceMs, reason };
  },
  slots({ m, rules }) {
    const { on, reason } = asksEntry(m);
    return asksAreOff(rules) || !on ? null : { slots: 1, because: reason };
  },
};
