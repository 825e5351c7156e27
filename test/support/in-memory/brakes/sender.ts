import { sha256 } from "../../../../src/core/identity.ts";
import { nextStart, withStart } from "./starts.ts";
import type { TwinBrake } from "./twin-brake.ts";

/** `brakes/sender.lua`. */
export const sender: TwinBrake = {
  name: "sender",
  at: ["admission"],
  ask({ m, order: { commandId, sender: of }, senderPerHour: limit, nowMs }) {
    if (limit === 0 || of === undefined) return null;
    const untilMs = nextStart(m.senderStarts.get(sha256(of)), commandId, { limit, nowMs });
    return untilMs === null
      ? null
      : { brake: "sender", verdict: "wait", untilMs, limit, sender: of };
  },
  started({ m, order: { commandId, sender: of }, senderPerHour, nowMs }) {
    if (senderPerHour === 0 || of === undefined) return;
    m.senderStarts.set(sha256(of), withStart(m.senderStarts.get(sha256(of)), commandId, nowMs));
  },
};
