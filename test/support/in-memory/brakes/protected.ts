import { protectionOf } from "../../../../src/contract/brakes.ts";
import type { TwinBrake } from "./twin-brake.ts";

/** `brakes/protected.lua`. */
export const protectedServer: TwinBrake = {
  name: "protected",
  at: ["admission", "stop", "intent"],
  ask({ m, order, rules }) {
    const held = { brake: "protected", verdict: "no" } as const;
    if (rules.protected.includes(order.serverId)) return { ...held, scope: "configuration" };
    const entry = m.pauses.get(protectionOf(order.serverId));
    if (!entry?.on) return null;
    const { atMs: sinceMs, by, reason } = entry;
    return { ...held, scope: "operator", sinceMs, by, reason };
  },
};
