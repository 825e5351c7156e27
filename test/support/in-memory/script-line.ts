import type { ServerId } from "../../../src/contract/ids.ts";
import { standingOf, TURN_DELAYS } from "../../../src/core/waiting/line.ts";
import type { Order } from "../../../src/core/state/order.ts";
import type { State } from "../../../src/core/state/state.ts";
import type { ProjectMemory } from "./memory.ts";

/** A sorted set of command ids. */
type Ranked = Map<string, number>;

/** In the order of Redis: by score, then by id. */
export function ranked(set: ReadonlyMap<string, number>): string[] {
  const byId = (a: string, b: string) => (a < b ? -1 : 1);
  return [...set].sort(([a, at], [b, bt]) => at - bt || byId(a, b)).map(([id]) => id);
}

/** A set of `sets` by its name, made when it is first needed. */
export function rankedOf(sets: Map<string, Ranked>, name: string): Ranked {
  const known = sets.get(name);
  if (known !== undefined) return known;
  const made: Ranked = new Map();
  sets.set(name, made);
  return made;
}

/** `STEP_MS` of line.lua. */
const STEP_MS = 30_000;

type Who = Pick<Order, "commandId" | "serverId" | "group">;

export function leaveSlotLines(m: ProjectMemory, { commandId: id, group = "" }: Who): void {
  m.line.delete(id);
  m.groupLines.get(group)?.delete(id);
}

export function leaveLines(m: ProjectMemory, who: Who): void {
  m.waiters.get(who.serverId)?.delete(who.commandId);
  leaveSlotLines(m, who);
  m.lineUntil.delete(who.commandId);
}

/** `stand`: where a saved command is while it waits. */
export function stand(
  m: ProjectMemory,
  who: Who,
  state: State,
  { arrivedMs, delayMs, nowMs }: { arrivedMs: number; delayMs: number; nowMs: number },
): void {
  const { line, keepsTurn } = standingOf(state);
  const { commandId: id, serverId, group } = who;
  if (state.phase === "waiting") m.waiting.set(id, arrivedMs);
  else m.waiting.delete(id);
  if (line === "none") return leaveLines(m, who);
  rankedOf(m.waiters, serverId).set(id, arrivedMs);
  leaveSlotLines(m, who);
  if (line === "slots") m.line.set(id, arrivedMs);
  if (group !== undefined && line !== "server") rankedOf(m.groupLines, group).set(id, arrivedMs);
  if (keepsTurn) m.lineUntil.set(id, nowMs + TURN_DELAYS * delayMs);
  else m.lineUntil.delete(id);
}

/** `come_back`. */
export function comeBack(
  m: ProjectMemory,
  who: Who,
  state: State,
  { arrivedMs, nowMs }: { arrivedMs: number; nowMs: number },
): void {
  const { line, keepsTurn } = standingOf(state);
  const { commandId: id, serverId, group } = who;
  if (state.phase === "waiting") m.waiting.set(id, arrivedMs);
  if (line === "none") return;
  rankedOf(m.waiters, serverId).set(id, arrivedMs);
  if (group !== undefined && line !== "server") rankedOf(m.groupLines, group).set(id, arrivedMs);
  if (line === "slots") m.line.set(id, arrivedMs);
  if (keepsTurn) keepTurn(m, id, nowMs);
}

export function keepTurn(m: ProjectMemory, id: string, nowMs: number): void {
  m.lineUntil.set(id, Math.max(m.lineUntil.get(id) ?? 0, nowMs + STEP_MS));
}

export function giveSlot(
  m: ProjectMemory,
  { commandId: id, group }: Pick<Order, "commandId" | "group">,
  nowMs: number,
): void {
  if (!m.slots.has(id)) m.slots.set(id, nowMs);
  if (group === undefined) return;
  const ofGroup = rankedOf(m.groupSlots, group);
  if (!ofGroup.has(id)) ofGroup.set(id, nowMs);
}

export function freeSlot(
  m: ProjectMemory,
  { commandId: id, group = "" }: Pick<Order, "commandId" | "group">,
): void {
  m.slots.delete(id);
  m.groupSlots.get(group)?.delete(id);
}

/** The line of one server. */
export function waitersOf(m: ProjectMemory, server: ServerId): string[] {
  return ranked(m.waiters.get(server) ?? new Map());
}
