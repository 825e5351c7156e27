import type { SwitchEntry } from "../../../../src/contract/brakes.ts";
import type { BrakeRules } from "../../../../src/core/brakes/brake-rules.ts";
import { isYoung, type ProjectMemory } from "../memory.ts";
import type { BrakeQuestion } from "./twin-brake.ts";

const MOST = 2_000;

const NEVER: SwitchEntry = { on: false, atMs: 0, by: "", reason: "" };

export const asksAreOff = ({ stormAsks }: BrakeRules) => stormAsks === 0;

export function asksEntry(m: ProjectMemory): SwitchEntry {
  return m.pauses.get("storm-asks") ?? NEVER;
}

function setAsks(
  m: ProjectMemory,
  nowMs: number,
  entry: Pick<SwitchEntry, "on" | "reason" | "sinceMs">,
) {
  const atMs = Math.max(nowMs, asksEntry(m).atMs + 1);
  m.pauses = new Map(m.pauses).set("storm-asks", { ...entry, atMs, by: "worker" });
}

/** `asks_go_on`. */
export function asksGoOn(m: ProjectMemory, rules: BrakeRules, nowMs: number): boolean {
  const { sinceMs, atMs } = asksEntry(m);
  if (nowMs < atMs + rules.stormAsksWindowMs) return true;
  const since = sinceMs ?? atMs;
  const waiting = [...m.waiting.values()].filter((arrivedMs) => arrivedMs >= since);
  return 2 * waiting.length >= rules.stormAsks;
}

/** `end_asks`. */
export function endAsks(m: ProjectMemory, rules: BrakeRules, nowMs: number): void {
  if (asksAreOff(rules) || !asksEntry(m).on || asksGoOn(m, rules, nowMs)) return;
  if (isYoung(m, nowMs)) return;
  setAsks(m, nowMs, { on: false, reason: "few of its commands still wait" });
}

/** `note_ask`. */
export function noteAsk({ m, order, rules, nowMs, askedAtMs }: BrakeQuestion): void {
  if (askedAtMs === undefined || asksAreOff(rules)) return;
  const { stormAsks: limit, stormAsksWindowMs: windowMs } = rules;
  const entry = asksEntry(m);
  if (entry.on || nowMs < (entry.untilMs ?? 0)) return;
  const before = m.asks.after === entry.atMs ? m.asks.servers : new Map<string, number>();
  const lastMs = Math.max(askedAtMs, before.get(order.serverId) ?? 0);
  const servers = [...new Map(before).set(order.serverId, lastMs)].sort(
    ([a, x], [b, y]) => x - y || (a < b ? -1 : 1),
  );
  m.asks = { after: entry.atMs, servers: new Map(servers.slice(-MOST)) };
  const near = [...m.asks.servers.values()].filter((ms) => Math.abs(ms - askedAtMs) < windowMs);
  const sinceMs = near.find((first, index) => {
    const last = near[index + limit - 1];
    return last !== undefined && last - first < windowMs;
  });
  if (sinceMs === undefined) return;
  const reason = `${limit} different servers were asked for within ${Math.round(windowMs / 1000)} s`;
  setAsks(m, nowMs, { on: true, reason, sinceMs });
}
