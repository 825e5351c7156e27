import { shownOwner } from "../../../src/core/state/lock-owner.ts";
import { takeCalls } from "../../../src/core/calls/call-bucket.ts";
import type { Hold } from "../../../src/core/brakes/hold.ts";
import type { ServerHistory } from "../../../src/core/brakes/disk-age.ts";
import type { Envelope } from "../../../src/core/state/envelope.ts";
import type { Order } from "../../../src/core/state/order.ts";
import type { LockAnswer } from "../../../src/steps/ports/admission.ts";
import type { ProjectMemory } from "./memory.ts";
import { noteAsk } from "./brakes/asks.ts";
import { brakes, callPace, effectiveCap, noteStarted, questionOf } from "./script-brakes.ts";
import {
  freeSlot,
  giveSlot,
  keepTurn,
  leaveLines,
  leaveSlotLines,
  ranked,
  rankedOf,
  waitersOf,
} from "./script-line.ts";
import { freeLock, healedSince, lockOf, type ScriptContext } from "./scripts.ts";

/** The limits of slots.lua. */
const MOST_WAITERS = 50;
const MOST_HOLDERS = 100;
const FIRST_LOOKED_AT = 20;

/** A command that asks whether it may start. */
export interface Wanting {
  readonly order: Order;
  readonly mayHaveRun: boolean;
  /** Its first arrival. */
  readonly arrivedMs: number;
  /** Of a new command: when it was sent. */
  readonly askedAtMs?: number;
}

function shares(m: ProjectMemory, id: string, wish: string): boolean {
  const known = m.records.get(id);
  return known?.wish === wish && known.outcome === undefined && known.phase !== "joined";
}

const HELD_BY = new Map([
  ["pause", "group"],
  ["approval", "group"],
  ["source", "source"],
  ["sender", "sender"],
] as const satisfies readonly (readonly [string, keyof Order])[]);

/** `is_held_alone`. */
function isHeldAlone(m: ProjectMemory, id: string, order: Order): boolean {
  const resume = m.records.get(id)?.resume;
  if (resume === undefined) return false;
  const its = JSON.parse(resume) as Pick<Envelope, "order" | "state"> | null;
  if (its?.state.phase !== "waiting") return false;
  const by = its.state.waitsFor;
  const label = HELD_BY.get(by as "pause");
  const lifts = order.override?.some((name) => name === by) === true;
  return lifts || (label !== undefined && its.order[label] !== order[label]);
}

function beforeInLine(ctx: ScriptContext, m: ProjectMemory, order: Order, isFree = false) {
  const line = waitersOf(m, order.serverId).slice(0, MOST_WAITERS);
  const now = ctx.memory.nowMs();
  const mine = line.indexOf(order.commandId);
  const before = mine < 0 ? line : line.slice(0, mine);
  const behind = before.find((id) => (m.lineUntil.get(id) ?? 0) > now);
  const unseen = mine < 0 && line.length === MOST_WAITERS;
  return {
    leader: before.find(
      (id) => shares(m, id, order.wishHash) && !(isFree && isHeldAlone(m, id, order)),
    ),
    behind: behind ?? (unseen ? line[0] : undefined),
  };
}

interface Cap {
  readonly brake: "cap" | "group-cap";
  readonly slots: Map<string, number>;
  readonly line: Map<string, number>;
  readonly cap: number;
  readonly by?: Extract<Hold, { brake: "cap" }>["loweredBy"];
  readonly because?: string | undefined;
}

function capsOf(ctx: ScriptContext, m: ProjectMemory, order: Order): Cap[] {
  const { group } = order;
  const ofGroup = ctx.brakes.maxRunningPerGroup;
  const caps: Cap[] = [];
  if (group !== undefined && ofGroup > 0) {
    const [slots, line] = [rankedOf(m.groupSlots, group), rankedOf(m.groupLines, group)];
    caps.push({ brake: "group-cap", slots, line, cap: ofGroup });
  }
  const { slots: cap, by, because } = effectiveCap(ctx, m, order, ctx.brakes.maxRunning);
  caps.push({
    brake: "cap",
    slots: m.slots,
    line: m.line,
    cap,
    ...(by !== null && { by, because }),
  });
  return caps;
}

function heldByCap({ brake, slots, cap, by, because }: Cap, ahead: number): Hold {
  const lowered = {
    ...(by !== undefined && { loweredBy: by }),
    ...(because !== undefined && { because }),
  };
  return { brake, verdict: "wait", ahead, cap, running: slots.size, ...lowered };
}

function freeSlots(m: ProjectMemory, { slots, cap }: Cap): number {
  if (slots.size >= cap) {
    for (const id of ranked(slots).slice(0, MOST_HOLDERS)) {
      if (m.foreign.has(`cmd:${id}`)) continue;
      const record = m.records.get(id);
      if (record !== undefined && record.outcome === undefined) continue;
      slots.delete(id);
      m.dropped += 1;
    }
  }
  return cap - slots.size;
}

function waitForTurn(ctx: ScriptContext, m: ProjectMemory, of: Cap, who: Wanting): Hold | null {
  const { commandId: id } = who.order;
  of.line.set(id, who.arrivedMs);
  const now = ctx.memory.nowMs();
  const isNear = ranked(of.line).indexOf(id) < 2 * of.cap;
  const free = isNear ? of.cap - of.slots.size : 0;
  const places = Math.min(2 * of.cap, Math.max(FIRST_LOOKED_AT, free));
  for (const other of ranked(of.line).slice(0, places)) {
    if (other !== id && (m.lineUntil.get(other) ?? 0) <= now) of.line.delete(other);
  }
  const ahead = ranked(of.line).indexOf(id);
  return ahead < of.cap && ahead < freeSlots(m, of) ? null : heldByCap(of, ahead);
}

function heldInLine(ctx: ScriptContext, m: ProjectMemory, who: Wanting): Hold | null {
  const { commandId: id } = who.order;
  if (m.slots.has(id)) return null;
  for (const of of capsOf(ctx, m, who.order)) {
    const hold = waitForTurn(ctx, m, of, who);
    if (hold === null || (ctx.switches.lockWithoutSlot && of.brake === "cap")) continue;
    if (of.brake === "group-cap") m.line.delete(id);
    return hold;
  }
  return null;
}

/** `call_for_look`: a hold, or in how many ms the call of the first look may be made. */
function callForLook(ctx: ScriptContext, m: ProjectMemory, who: Wanting): Hold | number | null {
  const { order, mayHaveRun } = who;
  const pace = callPace(ctx.brakes, m);
  if (pace === null || mayHaveRun || m.slots.has(order.commandId)) return null;
  const ahead = Math.max(0, ranked(m.line).indexOf(order.commandId));
  const now = ctx.memory.nowMs();
  const { bucket, taken } = takeCalls(m.calls, pace, { class: 4, calls: 1, ahead }, now);
  m.calls = bucket;
  if (taken.kind === "granted") return taken.delayMs;
  const cap = capsOf(ctx, m, order).at(-1) as Cap;
  return {
    ...heldByCap({ ...cap, by: "throttled", because: undefined }, ahead),
    callsInMs: taken.ms,
  } as Hold;
}

/** `history_known`. */
function historyKnown(ctx: ScriptContext, m: ProjectMemory, { serverId }: Order): ServerHistory {
  if ((m.history.get(serverId)?.size ?? 0) > 0) return "known";
  const { serverLimit, serverWindowMs, cooldownMs } = ctx.brakes;
  const looksBackMs = Math.max(serverLimit > 0 ? serverWindowMs : 0, cooldownMs);
  const now = ctx.memory.nowMs();
  return now - (m.epoch?.since ?? now) < looksBackMs ? "lost" : "none";
}

function giveBoth(
  ctx: ScriptContext,
  m: ProjectMemory,
  order: Order,
  callInMs: number | null,
): LockAnswer {
  const { commandId: id, serverId } = order;
  const now = ctx.memory.nowMs();
  noteStarted(ctx, m, order);
  if (!ctx.switches.lockWithoutSlot) giveSlot(m, order, now);
  const lock = lockOf(m, serverId, ctx);
  let token = lock?.token ?? 0;
  if (lock?.owner !== id) {
    m.token += 1;
    token = m.token;
    m.locks.set(serverId, { owner: id, token, since: now, phase: "admit" });
  }
  leaveLines(m, order);
  m.waiting.delete(id);
  return {
    kind: "acquired",
    token,
    history: historyKnown(ctx, m, order),
    ...(callInMs !== null && { callInMs }),
  };
}

function answerStart(ctx: ScriptContext, m: ProjectMemory, who: Wanting): LockAnswer {
  const { order, mayHaveRun } = who;
  const { commandId: id, serverId, wishHash: wish, notBeforeMs } = order;
  const now = ctx.memory.nowMs();
  const healedAtMs = healedSince(m, serverId, order.observedAtMs);
  if (healedAtMs !== null) return { kind: "superseded", healedAtMs };
  const asked = () => noteAsk(questionOf(ctx, m, who));
  if (notBeforeMs !== undefined && now < notBeforeMs) {
    asked();
    return { kind: "held", hold: { brake: "not-before", verdict: "wait", untilMs: notBeforeMs } };
  }
  rankedOf(m.waiters, serverId).set(id, who.arrivedMs);
  const owner = lockOf(m, serverId, ctx)?.owner;
  const hold = brakes(ctx, m, who, "admission");
  let { leader, behind } = beforeInLine(ctx, m, order, hold === null);
  if (owner !== undefined) {
    behind = owner === id ? undefined : owner;
    leader = behind !== undefined && shares(m, behind, wish) ? behind : undefined;
  }
  const joined = order.onBusy === "join" && !mayHaveRun ? leader : undefined;
  const sharesItsLast = joined !== undefined && joined === owner && hold?.brake === "quarantine";
  if (hold?.verdict === "no" && !sharesItsLast) return { kind: "held", hold };
  if (joined !== undefined) return { kind: "busy", holder: shownOwner(joined), sameWish: true };
  asked();
  if (hold !== null) return { kind: "held", hold };
  if (behind !== undefined) {
    return { kind: "busy", holder: shownOwner(behind), sameWish: shares(m, behind, wish) };
  }
  keepTurn(m, id, now);
  const full = heldInLine(ctx, m, who);
  if (full !== null) return { kind: "held", hold: full };
  const call = callForLook(ctx, m, who);
  if (typeof call === "object" && call !== null) return { kind: "held", hold: call };
  return giveBoth(ctx, m, order, call);
}

/** `try_start`. */
export function tryStart(ctx: ScriptContext, m: ProjectMemory, who: Wanting): LockAnswer {
  const { order } = who;
  const answer = answerStart(ctx, m, who);
  if (answer.kind === "acquired") return answer;
  const joins =
    answer.kind === "busy" && answer.sameWish && order.onBusy === "join" && !who.mayHaveRun;
  const held = answer.kind === "held" ? answer.hold : null;
  const ends = answer.kind === "superseded" || held?.verdict === "no";
  if (!joins && !ends) m.waiting.set(order.commandId, who.arrivedMs);
  freeSlot(m, order);
  if (!who.mayHaveRun) freeLock(m, order.serverId, order.commandId);
  if (answer.kind === "busy") {
    leaveSlotLines(m, order);
    keepTurn(m, order.commandId, ctx.memory.nowMs());
  } else if (answer.kind === "held") {
    const { brake, verdict } = answer.hold;
    if (brake === "not-before" || verdict === "no") leaveLines(m, order);
    else if (brake !== "cap" && brake !== "group-cap") {
      leaveSlotLines(m, order);
      m.lineUntil.delete(order.commandId);
    }
  } else leaveLines(m, order);
  return answer;
}

/** `would_start`. */
export function wouldStart(ctx: ScriptContext, m: ProjectMemory, order: Order): LockAnswer {
  const healedAtMs = healedSince(m, order.serverId, order.observedAtMs);
  if (healedAtMs !== null) return { kind: "superseded", healedAtMs };
  const holder =
    lockOf(m, order.serverId, ctx)?.owner ?? beforeInLine(ctx, m, order).behind ?? undefined;
  return holder === undefined
    ? { kind: "acquired", token: 0, history: historyKnown(ctx, m, order) }
    : { kind: "busy", holder: shownOwner(holder), sameWish: false };
}

/** `need_slot`. */
export function needSlot(ctx: ScriptContext, m: ProjectMemory, order: Order): Hold | null {
  if (m.slots.has(order.commandId)) return null;
  for (const of of capsOf(ctx, m, order)) {
    if (freeSlots(m, of) < 1) return heldByCap(of, of.line.size);
  }
  giveSlot(m, order, ctx.memory.nowMs());
  return null;
}
