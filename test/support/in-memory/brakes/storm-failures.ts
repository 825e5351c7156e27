import type { ProjectMemory } from "../memory.ts";
import { stormEntry, stormIsOff } from "./storm.ts";
import type { TwinBrake } from "./twin-brake.ts";

function standingProbe(m: ProjectMemory): string | undefined {
  const { probe } = m.storm;
  const record = probe === undefined ? undefined : m.records.get(probe);
  return record === undefined || record.outcome !== undefined ? undefined : probe;
}

/** `brakes/storm-failures.lua`. */
export const stormFailures: TwinBrake = {
  name: "storm-failures",
  at: ["admission", "stop", "intent"],
  ask({ m, order, rules, nowMs }) {
    const entry = stormEntry(m);
    if (stormIsOff(rules) || !entry.on) return null;
    const probe = standingProbe(m);
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
  passed({ m, order, rules }) {
    if (stormIsOff(rules) || !stormEntry(m).on) return;
    m.storm = { ...m.storm, probe: order.commandId };
  },
  slots({ m, rules }) {
    if (stormIsOff(rules)) return null;
    const entry = stormEntry(m);
    if (entry.on) return { slots: 1 };
    const { level, levelAt } = m.storm;
    return levelAt === entry.atMs && level !== undefined ? { slots: level } : null;
  },
};
