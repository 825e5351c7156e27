import type { ProjectId, ServerId } from "../../../src/contract/ids.ts";
import type { BrakeRules } from "../../../src/core/brakes/brake-rules.ts";
import { SEQUENCE_BLOCK } from "../../../src/core/state/envelope.ts";
import type { Order } from "../../../src/core/state/order.ts";
import type { SenderRule } from "../../../src/core/intake/senders.ts";
import type { Closed } from "../../../src/core/brakes/windows.ts";
import { type StepClaim, SWEEPER } from "../../../src/steps/ports/step-claim.ts";
import type { CommandRecord, LockRecord, ProjectMemory, StoreMemory } from "./memory.ts";
import type { StoreSwitches } from "./switches.ts";

/** What every script is called with. */
export interface ScriptContext {
  readonly memory: StoreMemory;
  readonly switches: StoreSwitches;
  readonly holdMs: number;
  readonly brakes: BrakeRules;
  /** Its windows, as it says: by the clock of the worker, not by the store's. */
  readonly closed?: Closed | null;
  /** What each broker user may ask for, as the worker has it. */
  readonly senders?: readonly SenderRule[];
  /** Id of the next epoch, should one begin now. */
  readonly candidate: string;
}

export interface EpochNow {
  readonly id: string;
  readonly since: number;
  readonly openAt: number;
}

/** The claim of a record that only holds refusals: its id belongs to no command yet. */
export const REFUSED = "0:refused";

/** Is this the claim of a sweeper on that step? There is no message behind it. */
export function isSwept({ claim }: CommandRecord, step: number): boolean {
  return claim.startsWith(`${step}:${SWEEPER}`);
}

export const FORGOTTEN = { kind: "forgotten" } as const;
export const FENCED = { kind: "fenced" } as const;
export const SAVED = { kind: "saved" } as const;

export function corrupt(key: string) {
  return { kind: "corrupt" as const, message: `${key}: is not a hash` };
}

/** The first of these keys that holds something foreign. */
export function foreignKey(
  m: ProjectMemory,
  keys: { command?: string; server?: ServerId; epoch?: true },
): string | undefined {
  return [
    keys.command === undefined ? "" : `cmd:${keys.command}`,
    keys.server === undefined ? "" : `lock:${keys.server}`,
    keys.epoch ? "epoch" : "",
  ].find((key) => m.foreign.has(key));
}

export function ensureEpoch(m: ProjectMemory, ctx: ScriptContext): EpochNow {
  const { memory, switches, candidate, holdMs } = ctx;
  const seen = m.epoch;
  if (seen !== null && (seen.run === memory.run || switches.ignoreRunId)) return seen;
  const now = memory.nowMs();
  m.origin ??= seen?.id ?? candidate;
  m.epoch = { id: candidate, run: memory.run, since: now, openAt: now + holdMs };
  return m.epoch;
}

/** Taken by another delivery, or forgotten together with the memory that it was made in. */
export function claimLost(m: ProjectMemory, claim: StepClaim, ctx: ScriptContext) {
  const same = m.epoch?.id === claim.epoch && m.epoch.run === ctx.memory.run;
  return same ? FENCED : FORGOTTEN;
}

/** A command that was never heard of, before its first step. */
export function newRecord(order: Order, now: number): CommandRecord {
  return {
    content: order.contentHash,
    wish: order.wishHash,
    server: order.serverId,
    order: JSON.stringify(order),
    step: -1,
    attempt: 1,
    phase: "admit",
    created: now,
    updated: now,
    seq: 1,
    claim: "",
    claimBase: 1,
  };
}

export function lockOf(m: ProjectMemory, server: string, ctx: ScriptContext): LockRecord | null {
  const lock = m.locks.get(server) ?? null;
  const ttlMs = ctx.switches.lockTtlMs;
  if (lock === null || ttlMs === undefined) return lock;
  return ctx.memory.nowMs() - lock.since < ttlMs ? lock : null;
}

export function healedSince(
  m: ProjectMemory,
  server: string,
  observedAtMs: number | undefined,
): number | null {
  const at = m.last.get(server);
  return at !== undefined && observedAtMs !== undefined && at > observedAtMs ? at : null;
}

/** Is a server still locked by a command that has ended and left it so? `token` null: whatever the lock's number is. */
export function isLeftLocked(
  ctx: ScriptContext,
  m: ProjectMemory,
  { serverId, commandId }: Pick<Order, "serverId" | "commandId">,
  token: number | null,
): boolean {
  const lock = lockOf(m, serverId, ctx);
  if (lock?.owner !== commandId || (token !== null && lock.token !== token)) return false;
  const command = m.records.get(commandId);
  return command === undefined || command.final !== undefined;
}

export function freeLock(m: ProjectMemory, server: string, id: string): void {
  if (m.locks.get(server)?.owner === id) m.locks.delete(server);
}

/** Renames the lock's phase, as far as it is ours. */
export function markLock(m: ProjectMemory, server: string, id: string, phase: string): void {
  const lock = m.locks.get(server);
  if (lock?.owner === id) m.locks.set(server, { ...lock, phase });
}

/** Event numbers after a loss of memory: milliseconds since 2024 outrun those from before. */
export function freshSequence(atLeast: number, nowMs: number, ctx: ScriptContext): number {
  if (ctx.switches.staleNumbers) return atLeast;
  return Math.max(atLeast, nowMs - 1_704_067_200_000);
}

/** When it was claimed: the same instant when the same claim is asked again. */
export function claimed(
  m: ProjectMemory,
  id: string,
  record: CommandRecord,
  claim: string,
  base: number,
  ctx: ScriptContext,
): number {
  const now = ctx.memory.nowMs();
  const seq = base + SEQUENCE_BLOCK;
  const claimAt = record.claim === claim ? (record.claimAt ?? now) : now;
  m.records.set(id, { ...record, claim, claimAt, claimBase: base, seq, updated: now });
  m.active.set(id, now);
  return claimAt;
}

/** `ended.lua`: so many are kept, the youngest. */
const MOST_ENDED = 200;

/** A command among the last that ended. */
export function noteEnd(m: ProjectMemory, id: string, atMs: number): void {
  m.ended.set(id, atMs);
  if (m.ended.size <= MOST_ENDED) return;
  const [oldest] = [...m.ended].toSorted(
    ([one, at], [other, by]) => at - by || Buffer.compare(Buffer.from(one), Buffer.from(other)),
  );
  if (oldest !== undefined) m.ended.delete(oldest[0]);
}

/** Runs one script: one change of the memory, all or nothing. */
export function script<T>(
  ctx: ScriptContext,
  project: ProjectId,
  body: (m: ProjectMemory) => T,
): T {
  ctx.memory.remember();
  return body(ctx.memory.of(project));
}
