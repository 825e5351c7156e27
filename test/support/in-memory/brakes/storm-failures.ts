import { isYoung, type ProjectMemory } from "../memory.ts";
import { putStorm, stormEntry, stormIsOff } from "./storm.ts";
import type { TwinBrake } from "./twin-brake.ts";

function standingProbe(m: ProjectMemory, nowMs: number): string | undefined {
  const { probe } = m.storm;
  const record = probe === undefined ? undefined : m.records.get(probe);
  // Of refusals alone, and of an inquiry's end, there is no content.
  if (record?.content) return record.outcome === undefined ? probe : undefined;
  return isYoung(m, nowMs) ? probe : undefined;
}

/** `brakes/storm-failures.lua`. */
export const stormFailures: TwinBrake = {
  name: "storm-failures",
  at: ["admission", "stop", "intent"],
  ask({ m, order, rules, nowMs }) {
    const entry = stormEntry(m);
    if (stormIsOff(rules) || !entry.on) return null;
    const probe = standingProbe(m, nowMs);
    if (probe === order.commandId) return null;
    const since = Math.max(entry.atMs, m.storm.closedAt ?? 0);
    const over = since + (m.storm.cooldown ?? rules.stormCooldownMs);
    if (nowMs >= over && probe === undefined) return null;
    return {
      brake: "storm-failures",
      verdict: "wait",
      sinceMs: entry.atMs,
      reason: entry.reason,
      ...(probe !== undefined && { probe }),
      ...(nowMs < over && { untilMs: over }),
    };
  },
  passed({ m, order, rules, nowMs }) {
    if (stormIsOff(rules) || !stormEntry(m).on || m.storm.probe === order.commandId) return;
    putStorm(m, nowMs, { probe: order.commandId });
  },
  slots({ m, rules }) {
    if (stormIsOff(rules)) return null;
    const entry = stormEntry(m);
    if (entry.on) return { slots: 1 };
    const { level, levelAt } = m.storm;
    return levelAt === entry.atMs && level !== undefined ? { slots: level } : null;
  },
};
