import { historyOf } from "./history.ts";
import type { TwinBrake } from "./twin-brake.ts";

/** `brakes/cooldown.lua`. */
export const cooldown: TwinBrake = {
  name: "cooldown",
  at: ["admission"],
  before({ m, order }) {
    const owner = m.locks.get(order.serverId)?.owner;
    const record = m.records.get(order.commandId);
    if (order.onBusy !== "wait" || owner === undefined || owner === order.commandId) return;
    if (record === undefined || record.behind !== undefined) return;
    m.records.set(order.commandId, { ...record, behind: owner });
  },
  ask({ m, order, rules, nowMs }) {
    if (rules.cooldownMs === 0) return null;
    let last: { readonly command: string; readonly ended: number } | null = null;
    for (const { command, ended } of historyOf(m, order.serverId)) {
      if (ended !== undefined && (last === null || ended > last.ended)) last = { command, ended };
    }
    if (last === null || nowMs >= last.ended + rules.cooldownMs) return null;
    const { behind } = m.records.get(order.commandId) ?? {};
    if (order.onBusy === "wait" && behind === last.command) return null;
    return {
      brake: "cooldown",
      verdict: "wait",
      untilMs: last.ended + rules.cooldownMs,
      command: last.command,
      endedMs: last.ended,
    };
  },
};
