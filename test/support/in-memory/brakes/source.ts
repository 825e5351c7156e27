import { sha256 } from "../../../../src/core/identity.ts";
import { nextStart, withStart } from "./starts.ts";
import type { TwinBrake } from "./twin-brake.ts";

/** `brakes/source.lua`. */
export const source: TwinBrake = {
  name: "source",
  at: ["admission"],
  ask({ m, order: { commandId, source: of }, rules: { perSourcePerHour: limit }, nowMs }) {
    if (limit === 0) return null;
    const untilMs = nextStart(m.sourceStarts.get(sha256(of ?? "")), commandId, { limit, nowMs });
    if (untilMs === null) return null;
    const whose = of === undefined ? {} : { source: of };
    return { brake: "source", verdict: "wait", untilMs, limit, ...whose };
  },
  started({ m, order: { commandId, source: of }, rules, nowMs }) {
    if (rules.perSourcePerHour === 0) return;
    const name = sha256(of ?? "");
    m.sourceStarts.set(name, withStart(m.sourceStarts.get(name), commandId, nowMs));
  },
};
