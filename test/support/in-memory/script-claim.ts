import type { DiskId, JobId } from "../../../src/contract/ids.ts";
import { type Envelope, recordIdOf, storedEnvelope } from "../../../src/core/state/envelope.ts";
import { type ClaimAnswer, type HopAnswer, SWEEPER } from "../../../src/steps/ports/step-claim.ts";
import type { Outbox, StoredOutcome } from "../../../src/steps/ports/stored-outcome.ts";
import { PHASES } from "../../../src/core/state/phases.ts";
import { debtFrom, takesDebt } from "../../../src/core/state/debt.ts";
import { isSent } from "../../../src/core/waiting/line.ts";
import type { CommandRecord, ProjectMemory } from "./memory.ts";
import { comeBack, giveSlot } from "./script-line.ts";
import {
  claimed,
  corrupt,
  type EpochNow,
  ensureEpoch,
  foreignKey,
  freshSequence,
  isLeftLocked,
  isSwept,
  REFUSED,
  lockOf,
  script,
  type ScriptContext,
} from "./scripts.ts";

type Claimed = Extract<ClaimAnswer, { kind: "claimed" }>;
type Turned = Exclude<ClaimAnswer, { kind: "claimed" | "rebuilding" }>;

/** `claim.lua`. */
export function claim(
  ctx: ScriptContext,
  envelope: Envelope,
  delivery: { readonly nonce: string; readonly redelivered: boolean },
): ClaimAnswer {
  const { order, step } = envelope;
  return script(ctx, order.projectId, (m): ClaimAnswer => {
    const met = meet(ctx, m, envelope, delivery);
    if ("kind" in met) return met;
    const { id, epoch, now, mine, found, known, foreign, unseen, restored, takenOver } = met;
    const { yieldsAfterLoss } = PHASES[envelope.state.phase];
    const yields =
      yieldsAfterLoss && !delivery.nonce.startsWith(SWEEPER) && !ctx.switches.neverYield;
    if (yields && now < epoch.openAt && foreign && !unseen) {
      passOn(ctx, m, envelope, met);
      return { kind: "rebuilding", untilMs: epoch.openAt };
    }
    let base = Math.max(found?.seq ?? 1, envelope.sequence);
    if (known?.claim === mine) base = known.claimBase;
    else if (foreign || restored !== "no") base = freshSequence(base, now, ctx);

    const record = restored === "no" && known !== undefined ? known : putBack(ctx, envelope, met);
    const atMs = claimed(m, id, record, mine, base, ctx);
    const held = holdLock(ctx, m, { envelope, restored, now });
    putBackPlaces(ctx, m, envelope, record.created, false);
    const { intent } = record;
    const text =
      held === "held" && takesDebt(envelope.state.phase) ? m.debts.get(order.serverId) : undefined;
    const debt = text === undefined ? undefined : debtFrom(text);
    return {
      kind: "claimed",
      ...(debt === undefined ? {} : { debt }),
      claim: {
        nonce: delivery.nonce,
        step,
        sequence: base,
        epoch: epoch.id,
        atMs,
        arrivedMs: record.created,
        waitingCommands: m.waiting.size,
        slot: m.slots.has(order.commandId),
        rebuildingUntilMs: now < epoch.openAt ? epoch.openAt : null,
        ...(debt === undefined ? {} : { debt: text }),
      },
      attempt: {
        attempt: record.attempt,
        intent:
          intent === undefined
            ? null
            : {
                attempt: intent.attempt,
                signedAtMs: intent.signedAtMs,
                diskId: intent.disk as DiskId,
              },
        jobId: (record.job as JobId | undefined) ?? null,
      },
      takenOver,
      restored: ctx.switches.trustAbsence ? "no" : restored,
      foreignEpoch: !ctx.switches.trustAbsence && foreign,
      unseen,
      lock: held,
      cancelRequest: record.cancel === undefined ? null : { by: null, why: null, ...record.cancel },
    };
  });
}

/** `claim.lua`, asked by a message that is not due yet. */
export function hop(
  ctx: ScriptContext,
  envelope: Envelope,
  { redelivered }: { readonly redelivered: boolean },
): HopAnswer {
  if (ctx.switches.hopUnseen) {
    return { kind: "waits", atMs: ctx.memory.nowMs(), mayHaveRun: false, cancelled: false };
  }
  return script(ctx, envelope.order.projectId, (m): HopAnswer => {
    const met = meet(ctx, m, envelope, { nonce: "", redelivered });
    if ("kind" in met) return met;
    const { id, now, foreign, unseen, restored, takenOver } = met;
    passOn(ctx, m, envelope, met);
    const mayHaveRun = takenOver || (foreign && restored !== "no" && !unseen);
    const cancelled = m.records.get(id)?.cancel !== undefined;
    return { kind: "waits", atMs: now, mayHaveRun, cancelled };
  });
}

/** A message that may go on, and the record that it met. */
interface Met {
  readonly id: string;
  readonly epoch: EpochNow;
  readonly now: number;
  readonly mine: string;
  /** Whatever is there under its id: of refused messages, too. */
  readonly found: CommandRecord | undefined;
  /** The command's own. */
  readonly known: CommandRecord | undefined;
  /** The message was written in another memory. */
  readonly foreign: boolean;
  readonly unseen: boolean;
  readonly restored: Claimed["restored"];
  readonly takenOver: boolean;
}

/** How `claim.lua` begins, whatever it was asked for. */
function meet(
  ctx: ScriptContext,
  m: ProjectMemory,
  envelope: Envelope,
  { nonce, redelivered }: { readonly nonce: string; readonly redelivered: boolean },
): Met | Turned {
  const { order } = envelope;
  const id = recordIdOf(order.commandId, envelope.state.phase);
  const foreignAt = foreignKey(m, { command: id, server: order.serverId, epoch: true });
  if (foreignAt !== undefined) return corrupt(foreignAt);
  const epoch = ensureEpoch(m, ctx);
  const now = ctx.memory.nowMs();
  const mine = `${envelope.step}:${nonce}`;
  const found = m.records.get(id);
  // A refusal does not use up its id; its numbers are taken.
  const known = found?.claim === REFUSED ? undefined : found;
  const again = redelivered || envelope.revived > 0;
  const standing = standingOf(ctx, known, envelope, again, mine);
  if (!("restored" in standing)) return standing;
  const foreign = envelope.epoch !== epoch.id;
  // A record that was put back from nothing in this memory knows nothing of what was before.
  const knowsNothing = foreign && known?.rebuilt === epoch.id && !ctx.switches.trustRebuilt;
  const restored = knowsNothing ? "absent" : standing.restored;
  const unseen = isUnseen(ctx, envelope, epoch);
  return { ...standing, id, epoch, now, mine, found, known, foreign, unseen, restored };
}

/** Puts everything back, and leaves the step unclaimed. */
function passOn(ctx: ScriptContext, m: ProjectMemory, envelope: Envelope, met: Met): void {
  const { id, now, found, known, restored } = met;
  if (restored !== "no" || known === undefined) {
    const base = freshSequence(Math.max(found?.seq ?? 1, envelope.sequence), now, ctx);
    // Whoever held an older step must not save it over what was put back.
    const record = putBack(ctx, envelope, met);
    m.records.set(id, { ...record, claim: "", claimBase: base, seq: base, updated: now });
  } else m.records.set(id, { ...known, updated: now });
  m.active.set(id, now);
  holdLock(ctx, m, { envelope, restored, now });
  putBackPlaces(ctx, m, envelope, m.records.get(id)?.created ?? now, true);
}

/** The present memory began before anybody can have taken the message, or a copy of it. */
function isUnseen(ctx: ScriptContext, envelope: Envelope, epoch: EpochNow): boolean {
  const { unseenUntilMs } = envelope;
  return ctx.switches.trustWaiting ?? (unseenUntilMs !== undefined && epoch.since < unseenUntilMs);
}

function standingOf(
  ctx: ScriptContext,
  known: CommandRecord | undefined,
  { order, step }: Envelope,
  redelivered: boolean,
  mine: string,
): Turned | Pick<Claimed, "restored" | "takenOver"> {
  if (known === undefined) return { restored: "absent", takenOver: false };
  if (known.outcome === "over") return { kind: "stale" };
  if (known.content !== order.contentHash) {
    return { kind: "id-taken" };
  }
  if (known.final !== undefined) {
    const outcome = JSON.parse(known.final) as StoredOutcome;
    return { kind: "finished", outcome, published: known.told === true };
  }
  // Saved by a sweeper, behind which there is no message, and perhaps never published: whoever brings that step, or brings
  // an older one again, publishes it.
  const bySweeper = isSwept(known, known.step);
  const publishes =
    (known.step === step && (redelivered || bySweeper)) ||
    (known.step > step && redelivered && bySweeper);
  if (publishes && known.outbox !== undefined) {
    return { kind: "saved", outbox: JSON.parse(known.outbox) as Outbox };
  }
  // Nor is there one behind a sweeper that has the next step and has not saved it yet: this message may be the last.
  const mayBeLast = known.step === step || (known.step > step && redelivered);
  if (mayBeLast && isSwept(known, known.step + 1)) return { kind: "fenced" };
  if (known.step >= step) return { kind: "stale" };
  if (known.step < step - 1) return { restored: "behind", takenOver: false };
  // Put back for this step by an earlier claim, and not saved since: what was not known then is not known now.
  const restored = known.restored?.step === step ? known.restored.how : "no";
  const another = known.claim !== mine && known.claim.startsWith(`${step}:`);
  if (!another || ctx.switches.ignoreClaims) return { restored, takenOver: false };
  return redelivered || isSwept(known, step) ? { restored, takenOver: true } : { kind: "stale" };
}

/** The record as the message tells it; what is known beside that stays. */
function putBack(
  ctx: ScriptContext,
  envelope: Envelope,
  { known, restored, epoch, now }: Met,
): CommandRecord {
  const { order, state } = envelope;
  const how = restored === "no" ? "absent" : restored;
  const attempt = "tries" in state ? state.tries.attempt : 1;
  const resume = JSON.stringify(storedEnvelope(envelope));
  ctx.memory.onKept(resume);
  const { outbox: _gone, ...rest } = known ?? { seq: 1, claim: "", claimBase: 1, updated: now };
  return {
    created: envelope.placeMs ?? now,
    ...rest,
    content: order.contentHash,
    wish: order.wishHash,
    server: order.serverId,
    order: JSON.stringify(order),
    step: envelope.step - 1,
    attempt: Math.max(known?.attempt ?? 1, attempt),
    phase: state.phase,
    restored: { step: envelope.step, how },
    ...(how === "absent" && { rebuilt: epoch.id }),
    resume,
  };
}

function holdLock(
  ctx: ScriptContext,
  m: ProjectMemory,
  {
    envelope: { order, token, state },
    restored,
    now,
  }: { envelope: Envelope; restored: Claimed["restored"]; now: number },
): Claimed["lock"] {
  if (token === null) return "none";
  const lock = lockOf(m, order.serverId, ctx);
  // A lock that is gone while its inquiry is remembered was freed by a person.
  if (state.phase === "inquiry" && (lock !== null || restored === "no")) {
    return isLeftLocked(ctx, m, order, token) ? "held" : "lost";
  }
  if (lock !== null) return lock.owner === order.commandId ? "held" : "lost";
  m.locks.set(order.serverId, { owner: order.commandId, token, since: now, phase: state.phase });
  m.token = Math.max(m.token, token);
  return "held";
}

/** The slot and the places in line of a message's command. */
function putBackPlaces(
  ctx: ScriptContext,
  m: ProjectMemory,
  { order, state, slot, token }: Envelope,
  arrivedMs: number,
  hops: boolean,
): void {
  const nowMs = ctx.memory.nowMs();
  const forgets = hops && ctx.switches.hopForgetsSlot;
  if ((slot ?? (token !== null && isSent(state))) && !forgets) giveSlot(m, order, nowMs);
  comeBack(m, order, state, { arrivedMs, nowMs });
}
