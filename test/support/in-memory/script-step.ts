import type { NotedAct } from "../../../src/contract/audit.ts";
import { noteAct } from "./script-operator.ts";
import type { DiskId, ProjectId } from "../../../src/contract/ids.ts";
import { INQUIRY_SUFFIX, recordIdOf } from "../../../src/core/state/envelope.ts";
import type { Order } from "../../../src/core/state/order.ts";
import type {
  FinishAnswer,
  SaveAnswer,
  SettleAnswer,
  StepFinish,
  StepSave,
  StepSettle,
} from "../../../src/steps/ports/step-record.ts";
import type { StoredOutcome } from "../../../src/steps/ports/stored-outcome.ts";
import type { Held, LockAnswer } from "../../../src/steps/ports/admission.ts";
import type { StepClaim } from "../../../src/steps/ports/step-claim.ts";
import type { StoreCorrupt } from "../../../src/steps/ports/store-trouble.ts";
import {
  claimLost,
  corrupt,
  ensureEpoch,
  FENCED,
  FORGOTTEN,
  foreignKey,
  freeLock,
  isLeftLocked,
  lockOf,
  newRecord,
  markLock,
  SAVED,
  script,
  type ScriptContext,
  noteEnd,
} from "./scripts.ts";
import type { CommandRecord, ProjectMemory } from "./memory.ts";
import { isInWork } from "../../../src/core/waiting/line.ts";
import { carryHistory, noteReinstall } from "./brakes/history.ts";
import { endAsks } from "./brakes/asks.ts";
import { carryStorm } from "./brakes/storm.ts";
import { brakes } from "./script-brakes.ts";
import { freeSlot, leaveLines, stand } from "./script-line.ts";
import { needSlot, tryStart } from "./script-slots.ts";
import { notesWith } from "./step-notes.ts";

type Refusal = typeof FENCED | typeof FORGOTTEN | StoreCorrupt;

const textOf = (claim: StepClaim) => `${claim.step}:${claim.nonce}`;

/** `acquire.lua`. */
export function acquire(
  ctx: ScriptContext,
  order: Order,
  claim: StepClaim,
  mayHaveRun: boolean,
): LockAnswer | Refusal {
  return script(ctx, order.projectId, (m): LockAnswer | Refusal => {
    const foreign = foreignKey(m, { server: order.serverId });
    if (foreign !== undefined) return corrupt(foreign);
    const epoch = ensureEpoch(m, ctx);
    const record = m.records.get(order.commandId);
    if (record === undefined) return FORGOTTEN;
    if (record.claim !== textOf(claim)) return claimLost(m, claim, ctx);
    const hasBoth =
      lockOf(m, order.serverId, ctx)?.owner === order.commandId && m.slots.has(order.commandId);
    if (!hasBoth && ctx.memory.nowMs() < epoch.openAt) {
      return { kind: "rebuilding", untilMs: epoch.openAt };
    }
    return tryStart(ctx, m, { order, mayHaveRun, arrivedMs: record.created });
  });
}

/** `take-attempt.lua`. */
export function takeAttempt(
  ctx: ScriptContext,
  order: Order,
  claim: StepClaim,
  held: number,
): { kind: "taken"; attempt: number } | Refusal {
  return script(ctx, order.projectId, (m) => {
    const record = m.records.get(order.commandId);
    if (record === undefined) return FORGOTTEN;
    if (record.claim !== textOf(claim)) return claimLost(m, claim, ctx);
    if (record.attempt === held + 1 && record.attemptClaim === textOf(claim)) {
      return { kind: "taken" as const, attempt: record.attempt };
    }
    if (record.attempt !== held) return FENCED;
    m.records.set(order.commandId, { ...record, attempt: held + 1, attemptClaim: textOf(claim) });
    return { kind: "taken" as const, attempt: held + 1 };
  });
}

export interface Intent {
  readonly attempt: number;
  readonly token: number;
  readonly signedAtMs: number | null;
  readonly diskId: DiskId;
}

/** `intent.lua`. */
export function recordIntent(
  ctx: ScriptContext,
  order: Order,
  claim: StepClaim,
  intent: Intent,
): typeof SAVED | Held | Refusal {
  const { switches } = ctx;
  return script(ctx, order.projectId, (m) => {
    const foreign = foreignKey(m, { command: order.commandId, server: order.serverId });
    if (foreign !== undefined) return corrupt(foreign);
    const epoch = ensureEpoch(m, ctx);
    const record = m.records.get(order.commandId);
    if (record === undefined) return FORGOTTEN;
    const lock = lockOf(m, order.serverId, ctx);
    const unasked = switches.ignoreAttempt ?? switches.ignoreClaims ?? false;
    const ours = unasked || record.claim === textOf(claim);
    const current = unasked || record.attempt === intent.attempt;
    if (!ours) return claimLost(m, claim, ctx);
    if (!current || record.final !== undefined) return FENCED;
    if (epoch.id !== claim.epoch || ctx.memory.nowMs() < epoch.openAt) return FORGOTTEN;
    if (lock?.owner !== order.commandId || lock.token !== intent.token) return FORGOTTEN;
    const found = record.intent;
    if (found?.attempt === intent.attempt && !unasked) {
      const same = found.claim === textOf(claim) && found.signedAtMs === intent.signedAtMs;
      return same ? SAVED : FENCED;
    }
    const braked = switches.ignoreBrakesAtIntent ? null : brakes(ctx, m, { order }, "intent");
    const hold = braked ?? (switches.lockWithoutSlot ? null : needSlot(ctx, m, order));
    if (hold !== null) return { kind: "held" as const, hold };
    if (switches.forgetIntent) return SAVED;
    m.records.set(order.commandId, {
      ...record,
      updated: ctx.memory.nowMs(),
      intent: {
        attempt: intent.attempt,
        signedAtMs: intent.signedAtMs,
        disk: intent.diskId,
        claim: textOf(claim),
        at: ctx.memory.nowMs(),
      },
    });
    const { source, reason } = order;
    const entry = { at: ctx.memory.nowMs(), source, reason };
    const { attempt } = intent;
    if (!switches.forgetHistory)
      noteReinstall(m, order.serverId, { command: order.commandId, attempt }, entry);
    ctx.memory.onIntent(order, ctx.memory.nowMs());
    return SAVED;
  });
}

/** `save.lua`. */
export function save(ctx: ScriptContext, step: StepSave): SaveAnswer {
  const { order, claim, state } = step;
  const id = recordIdOf(order.commandId, state.phase);
  return script(ctx, order.projectId, (m): SaveAnswer => {
    const foreign = foreignKey(m, { server: order.serverId });
    if (foreign !== undefined) return corrupt(foreign);
    const record = m.records.get(id);
    if (record === undefined) return FORGOTTEN;
    const ours = ctx.switches.ignoreClaims || record.claim === textOf(claim);
    if (record.outcome !== undefined) return FENCED;
    if (!ours) return claimLost(m, claim, ctx);
    if (record.step === claim.step) return SAVED;
    const now = ctx.memory.nowMs();
    const attempt = "tries" in state ? state.tries.attempt : 1;
    const outbox = JSON.stringify(step.outbox);
    ctx.memory.onKept(outbox);
    const { intent, ...rest } = record;
    m.records.set(id, {
      ...rest,
      ...(intent === undefined || step.intent === "clear" ? {} : { intent }),
      step: claim.step,
      phase: state.phase,
      attempt: Math.max(record.attempt, attempt),
      seq: step.nextSequence,
      outbox,
      resume: JSON.stringify(step.outbox.next?.envelope ?? null),
      updated: now,
      ...notesWith(record, step, attempt),
      ...(state.phase === "watch" ? { job: state.jobId } : {}),
    });
    m.active.set(id, now);
    if (step.intent === "clear") {
      carryHistory(m, order.serverId, order.commandId, { out: intent?.attempt });
      ctx.memory.onIntentOver(order.commandId);
    }
    if (state.phase !== "inquiry") {
      const delayMs = step.outbox.next?.delayMs ?? 0;
      stand(m, order, state, { arrivedMs: claim.arrivedMs, delayMs, nowMs: now });
      if (state.phase === "waiting" || state.phase === "joined") {
        carryStorm(m, id, { rules: ctx.brakes, end: null, intendedMs: undefined, nowMs: now });
        endAsks(m, ctx.brakes, now);
      }
      if (!isInWork(state) && !ctx.switches.leakSlot) freeSlot(m, order);
    }
    if (step.lock === "release") freeLock(m, order.serverId, id);
    else markLock(m, order.serverId, id, state.phase);
    payDebt(ctx, m, order, claim);
    return SAVED;
  });
}

/** `finish.lua`. */
export function finish(ctx: ScriptContext, step: StepFinish): FinishAnswer {
  const { order, claim, outcome } = step;
  return script(ctx, order.projectId, (m): FinishAnswer => {
    const foreign = foreignKey(m, { server: order.serverId });
    if (foreign !== undefined) return corrupt(foreign);
    const record = m.records.get(order.commandId);
    if (record === undefined) return FORGOTTEN;
    if (record.final !== undefined && !ctx.switches.finishAgain) {
      const stored = JSON.parse(record.final) as StoredOutcome;
      return { kind: "finished", outcome: stored, first: record.claim === textOf(claim) };
    }
    const ours = ctx.switches.ignoreClaims ?? ctx.switches.finishAgain;
    if (!ours && record.claim !== textOf(claim)) return claimLost(m, claim, ctx);
    const now = ctx.memory.nowMs();
    const final = JSON.stringify(outcome);
    ctx.memory.onKept(final);
    const { event: name, sequence: finalSeq } = outcome.event.data;
    const { outbox: _outbox, resume: _resume, ...rest } = record;
    const done = { step: claim.step, phase: "done", outcome: name, final, updated: now, finalSeq };
    m.records.set(order.commandId, { ...rest, ...done });
    m.active.set(order.commandId, now);
    const out = step.intent === "clear" ? record.intent?.attempt : undefined;
    carryHistory(m, order.serverId, order.commandId, { out, ended: now, outcome: name });
    const end = step.intent === "clear" ? null : (step.storm ?? null);
    const intendedMs = record.intent?.at;
    carryStorm(m, order.commandId, { rules: ctx.brakes, end, intendedMs, nowMs: now });
    leaveLines(m, order);
    m.waiting.delete(order.commandId);
    endAsks(m, ctx.brakes, now);
    if (!ctx.switches.leakSlot) freeSlot(m, order);
    noteEnd(m, order.commandId, now);
    ctx.memory.onIntentOver(order.commandId);
    if (step.lock === "free") freeLock(m, order.serverId, order.commandId);
    else markLock(m, order.serverId, order.commandId, name);
    if (step.healedAtMs !== null) m.last.set(order.serverId, step.healedAtMs);
    payDebt(ctx, m, order, claim);
    if (step.owes != null) m.debts.set(order.serverId, JSON.stringify(step.owes));
    if (outcome.inquiry !== undefined) openInquiry(ctx, m, order, outcome.inquiry.envelope);
    return { kind: "finished", outcome: JSON.parse(final) as StoredOutcome, first: true };
  });
}

/** What the step has taken over is its command's own from now on. */
function payDebt(ctx: ScriptContext, m: ProjectMemory, order: Order, claim: StepClaim): void {
  if (claim.debt === undefined || m.debts.get(order.serverId) !== claim.debt) return;
  m.debts.delete(order.serverId);
  ctx.memory.onDebtTaken(order);
}

function openInquiry(ctx: ScriptContext, m: ProjectMemory, order: Order, resume: unknown): void {
  const id = `${order.commandId}${INQUIRY_SUFFIX}`;
  const known = m.records.get(id);
  if (known !== undefined && known.outcome === undefined) return;
  const now = ctx.memory.nowMs();
  m.records.set(id, { ...newInquiry(order, now), resume: JSON.stringify(resume) });
  m.active.set(id, now);
}
const UNRESOLVED = "0:unresolved";

function newInquiry(order: Order, now: number): CommandRecord {
  return { ...newRecord(order, now), step: 0, phase: "inquiry", claim: UNRESOLVED };
}

/** Of an inquiry that the store has forgotten no more is known than that it ended. */
function endedInquiry(order: Order, now: number): CommandRecord {
  return { ...newInquiry(order, now), order: "", wish: "" };
}

/** `settle.lua`, for a person: not while the memory is young. */
export function settleByHand(
  ctx: ScriptContext,
  step: StepSettle,
  act: NotedAct,
): SettleAnswer | { readonly kind: "rebuilding"; readonly untilMs: number } {
  const m = ctx.memory.of(step.order.projectId);
  const record = m.records.get(`${step.order.commandId}${INQUIRY_SUFFIX}`);
  const now = ctx.memory.nowMs();
  const { epoch } = m;
  const untilMs = epoch === null || epoch.run !== ctx.memory.run ? now : epoch.openAt;
  const young = epoch === null || epoch.run !== ctx.memory.run || now < epoch.openAt;
  const decided = record?.final !== undefined || !isLeftLocked(ctx, m, step.order, step.token);
  return young && !decided ? { kind: "rebuilding", untilMs } : settle(ctx, step, act);
}

/** `settle.lua`. */
export function settle(ctx: ScriptContext, step: StepSettle, act?: NotedAct): SettleAnswer {
  const { order, outcome, token } = step;
  return script(ctx, order.projectId, (m): SettleAnswer => {
    const id = `${order.commandId}${INQUIRY_SUFFIX}`;
    const foreign = foreignKey(m, { command: id, server: order.serverId });
    if (foreign !== undefined) return corrupt(foreign);
    const record = m.records.get(id);
    if (record?.final !== undefined) {
      const first = m.audit.some((noted) => noted.id === act?.id);
      return { kind: "settled", outcome: JSON.parse(record.final) as StoredOutcome, first };
    }
    if (record?.outcome === "over" && act === undefined) return { kind: "lock-gone" };
    if (!isLeftLocked(ctx, m, order, token)) {
      return { kind: "lock-gone" };
    }
    if (act !== undefined) noteAct(ctx, m, act);
    const now = ctx.memory.nowMs();
    const final = JSON.stringify(outcome);
    ctx.memory.onKept(final);
    const { outbox: _outbox, resume: _resume, ...rest } = record ?? endedInquiry(order, now);
    const done = { phase: "done", outcome: "settled", final, finalSeq: 1, updated: now };
    m.records.set(id, { ...rest, ...done });
    m.active.set(id, now);
    const command = m.records.get(order.commandId);
    if (command !== undefined) {
      const settled = JSON.stringify(outcome.event.data);
      m.records.set(order.commandId, { ...command, settled });
    }
    freeLock(m, order.serverId, order.commandId);
    const became =
      step.as === "not-reinstalled"
        ? { allOut: true }
        : { ended: now, outcome: step.as, replaces: act === undefined };
    carryHistory(m, order.serverId, order.commandId, became);
    if (step.healedAtMs !== null) m.last.set(order.serverId, step.healedAtMs);
    return { kind: "settled", outcome: JSON.parse(final) as StoredOutcome, first: true };
  });
}

/** `end-inquiry.lua`. */
export function endInquiry(ctx: ScriptContext, order: Order): typeof SAVED | StoreCorrupt {
  return script(ctx, order.projectId, (m) => {
    const id = `${order.commandId}${INQUIRY_SUFFIX}`;
    const foreign = foreignKey(m, { command: id });
    if (foreign !== undefined) return corrupt(foreign);
    const known = m.records.get(id);
    if (known?.outcome !== undefined) return SAVED;
    const updated = ctx.memory.nowMs();
    m.records.set(id, {
      ...(known ?? { ...endedInquiry(order, updated), content: "" }),
      phase: "done",
      outcome: "over",
      updated,
    });
    m.active.delete(id);
    return SAVED;
  });
}

/** `published.lua`. */
export function published(
  ctx: ScriptContext,
  project: ProjectId,
  id: string,
  sequence: number,
): typeof SAVED | StoreCorrupt {
  return script(ctx, project, (m) => {
    const foreign = foreignKey(m, { command: id });
    if (foreign !== undefined) return corrupt(foreign);
    const record = m.records.get(id);
    if (record?.finalSeq !== undefined && record.finalSeq !== sequence) return SAVED;
    if (record === undefined || record.outcome !== undefined) m.active.delete(id);
    if (record?.outcome !== undefined) m.records.set(id, { ...record, told: true });
    return SAVED;
  });
}
