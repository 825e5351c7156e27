import type { TwinBrake } from "./twin-brake.ts";

/** `brakes/pause.lua`. */
export const pause: TwinBrake = {
  name: "pause",
  at: ["admission", "stop", "intent"],
  ask({ m, order, rules }) {
    const held = { brake: "pause", verdict: "wait" } as const;
    if (rules.pausedByConfiguration) return { ...held, scope: "configuration" };
    const scopes = ["everything", "project", `server:${order.serverId}`];
    if (order.group !== undefined) scopes.push(`group:${order.group}`);
    for (const scope of scopes) {
      const entry = m.pauses.get(scope);
      if (entry?.on) {
        const { atMs: sinceMs, by, reason } = entry;
        return { ...held, scope, sinceMs, by, reason };
      }
    }
    return null;
  },
};
