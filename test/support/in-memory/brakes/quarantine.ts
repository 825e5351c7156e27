import { releaseOf } from "../../../../src/contract/brakes.ts";
import { historyOf } from "./history.ts";
import type { TwinBrake } from "./twin-brake.ts";

/** `brakes/quarantine.lua`. */
export const quarantine: TwinBrake = {
  name: "quarantine",
  at: ["admission"],
  ask({ m, order, rules, nowMs }) {
    const { serverLimit: limit, serverWindowMs: windowMs } = rules;
    if (limit === 0) return null;
    const released = m.pauses.get(releaseOf(order.serverId))?.atMs ?? 0;
    const since = Math.max(nowMs - windowMs, released);
    const reinstalls = historyOf(m, order.serverId)
      .filter(({ at }) => at > since)
      .map(({ command, at, source, reason, outcome }) => ({
        command,
        atMs: at,
        ...(source !== undefined && { source }),
        ...(reason !== undefined && { reason }),
        ...(outcome !== undefined && { outcome }),
      }));
    if (reinstalls.length < limit) return null;
    return { brake: "quarantine", verdict: "no", limit, windowMs, reinstalls };
  },
};
