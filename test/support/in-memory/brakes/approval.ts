import { approvalOf } from "../../../../src/contract/brakes.ts";
import type { BrakeQuestion, TwinBrake } from "./twin-brake.ts";

/** `brakes/approval.lua`. */
export const approval: TwinBrake = {
  name: "approval",
  at: ["admission"],
  ask(question) {
    const { order, rules } = question;
    const { commandId: command, group } = order;
    const name = rules.approval.find((one) => one === "all" || one === group);
    if (name === undefined || approvedBy(question) !== null) return null;
    const scope = rules.approval.includes("all") ? "all" : `group:${name}`;
    return { brake: "approval", verdict: "wait", scope, command };
  },
  goes(question) {
    const { order, rules } = question;
    const asked = rules.approval.some((one) => one === "all" || one === order.group);
    return asked ? approvedBy(question) : null;
  },
};

function approvedBy({ m, order }: BrakeQuestion) {
  const entry = m.pauses.get(approvalOf(order.commandId));
  const created = m.records.get(order.commandId)?.created;
  if (entry === undefined || created === undefined || entry.atMs < created) return null;
  return { sinceMs: entry.atMs, by: entry.by, reason: entry.reason };
}
