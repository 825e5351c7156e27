import type { JobId } from "../../../src/contract/ids.ts";
import type { Order } from "../../../src/core/state/order.ts";
import type {
  AdmitAnswer,
  CommandDelivery,
  CommandView,
  RefuseAnswer,
  Refusal,
} from "../../../src/steps/ports/admission.ts";
import type { Outbox, StoredOutcome } from "../../../src/steps/ports/stored-outcome.ts";
import type { CommandRecord } from "./memory.ts";
import { everyVerdict } from "./script-brakes.ts";
import { tryStart, wouldStart } from "./script-slots.ts";
import {
  claimed,
  corrupt,
  ensureEpoch,
  foreignKey,
  freshSequence,
  isSwept,
  lockOf,
  newRecord,
  REFUSED,
  script,
  type ScriptContext,
  noteEnd,
} from "./scripts.ts";

/** `admit.lua`. */
export function admit(ctx: ScriptContext, order: Order, delivery: CommandDelivery): AdmitAnswer {
  return script(ctx, order.projectId, (m): AdmitAnswer => {
    const id = order.commandId;
    const foreign = foreignKey(m, { command: id, server: order.serverId, epoch: true });
    if (foreign !== undefined) return corrupt(foreign);
    const epoch = ensureEpoch(m, ctx);
    const now = ctx.memory.nowMs();
    const mine = `0:${delivery.nonce}`;
    const found = ctx.switches.ignoreDuplicates ? undefined : m.records.get(id);
    const refused = found?.claim === REFUSED;
    if (refused && found.told !== true && !ctx.switches.admitUnconfirmed)
      return { kind: "refusal-unconfirmed" };
    const known = refused ? undefined : found;
    let record: CommandRecord;
    let base = 1;
    let mayHaveRun = false;
    const { unseenUntilMs, arrivedAtMs } = delivery;
    const forgotten =
      (delivery.mayHaveRun && epoch.openAt > arrivedAtMs) ||
      (unseenUntilMs !== null && !ctx.switches.trustCopies && epoch.since >= unseenUntilMs);
    if (known === undefined) {
      // A server that this id has locked, and no record of it: it ended unresolved and was forgotten.
      mayHaveRun = forgotten || lockOf(m, order.serverId, ctx)?.owner === id;
      if (now < epoch.openAt) return { kind: "rebuilding", untilMs: epoch.openAt, mayHaveRun };
      if (refused && !ctx.switches.numberAnew) base = found.seq;
      if (mayHaveRun) base = freshSequence(base, now, ctx);
      record = newRecord(order, Math.min(now, delivery.arrivedAtMs));
    } else {
      const answer = answerKnown(known, order, delivery, mine);
      if (answer !== null) return answer;
      // Whoever takes it over doubts like the one before. Of another memory the next steps may be lost.
      const older = known.claimEpoch !== epoch.id;
      mayHaveRun = !ctx.switches.forgetDoubt && (known.doubt === true || (older && forgotten));
      if (older && now < epoch.openAt) {
        return { kind: "rebuilding", untilMs: epoch.openAt, mayHaveRun };
      }
      base = known.claim === mine ? known.claimBase : known.seq;
      // Numbers of another memory may have been told and forgotten.
      if (known.claim !== mine && older) base = freshSequence(base, now, ctx);
      record = known;
    }
    // The order of the delivery that goes on: its address gets the final event.
    const going = {
      ...record,
      content: order.contentHash,
      order: JSON.stringify(order),
      claimEpoch: epoch.id,
      doubt: mayHaveRun,
    };
    ctx.memory.onKept(going.order);
    const atMs = claimed(m, id, going, mine, base, ctx);
    const arrivedMs = record.created;
    const lock = order.dryRun
      ? wouldStart(ctx, m, order)
      : tryStart(ctx, m, { order, mayHaveRun, arrivedMs, askedAtMs: delivery.arrivedAtMs });
    return {
      kind: "claimed",
      mayHaveRun,
      lock,
      verdicts: order.dryRun ? everyVerdict(ctx, m, order) : null,
      claim: {
        nonce: delivery.nonce,
        step: 0,
        sequence: base,
        epoch: epoch.id,
        atMs,
        arrivedMs,
        waitingCommands: m.waiting.size,
        slot: lock.kind === "acquired" && !order.dryRun,
        rebuildingUntilMs: null,
      },
    };
  });
}

/** Null: known, and ours to go on with. */
function answerKnown(
  record: CommandRecord,
  order: Order,
  { redelivered, contentAsSent }: Pick<CommandDelivery, "redelivered" | "contentAsSent">,
  mine: string,
): AdmitAnswer | null {
  if (record.content !== order.contentHash && record.content !== contentAsSent) {
    return { kind: "id-reused", sinceMs: record.created };
  }
  const duplicate = { kind: "duplicate", view: viewOf(record) } as const;
  if (!redelivered && record.claim !== mine) return duplicate;
  const elsewhere = record.claim !== mine && addressOf(record.order) !== addressOf(order);
  if (record.final !== undefined) {
    if (record.told === true) return duplicate;
    const outcome = JSON.parse(record.final) as StoredOutcome;
    const also = elsewhere ? duplicate.view : null;
    return { kind: "finished", outcome, published: false, duplicate: also };
  }
  if (record.step < 0) return null;
  if (elsewhere) return duplicate;
  // Behind what a sweeper has saved there is no message: this one may be the last.
  const bySweeper = isSwept(record, record.step);
  if (record.outbox === undefined || (record.step > 0 && !bySweeper)) {
    return { kind: isSwept(record, record.step + 1) ? "fenced" : "handed-over" };
  }
  return { kind: "saved", outbox: JSON.parse(record.outbox) as Outbox };
}

function addressOf(order: Order | string): string {
  const { replyTo } = typeof order === "string" ? (JSON.parse(order || "{}") as Order) : order;
  return replyTo === undefined ? "" : `${replyTo.queue}\n${replyTo.correlationId}`;
}

function viewOf(record: CommandRecord): CommandView {
  return {
    phase: record.phase,
    sequence: record.seq,
    updatedAtMs: record.updated,
    outcome: record.outcome ?? null,
    jobId: (record.job as JobId | undefined) ?? null,
  };
}

const MOST_KEPT = 16;

/** `refuse.lua`. */
export function refuse(ctx: ScriptContext, refusal: Refusal): RefuseAnswer {
  const { id, strayFrom, contentHash: content, outcome } = refusal;
  return script(ctx, refusal.project, (m): RefuseAnswer => {
    const foreign = foreignKey(m, { command: id, epoch: true });
    if (foreign !== undefined) return corrupt(foreign);
    const epoch = ensureEpoch(m, ctx);
    const records = strayFrom === undefined ? m.records : m.strays;
    const key = strayFrom === undefined ? id : `${strayFrom}:${id}`;
    const known = records.get(key);
    const answer = known === undefined ? null : answerRefused(known, content);
    if (answer !== null) return answer;
    const { event, sequence } = outcome.event.data;
    const nextSequence = known === undefined || ctx.switches.numberAnew ? 1 : known.seq;
    if (sequence !== nextSequence) return { kind: "renumber", sequence: nextSequence };
    const now = ctx.memory.nowMs();
    if (now < epoch.openAt) return { kind: "rebuilding", untilMs: epoch.openAt };
    const final = JSON.stringify(outcome);
    ctx.memory.onKept(final);
    records.set(key, {
      content,
      wish: "",
      server: "",
      order: "",
      step: 0,
      attempt: 1,
      phase: "done",
      created: now,
      updated: now,
      seq: nextSequence + 1,
      claim: REFUSED,
      claimBase: 1,
      outcome: event,
      final,
      finalSeq: sequence,
      told: strayFrom !== undefined,
      refused: keptWith(known),
    });
    if (strayFrom === undefined) {
      m.active.set(id, now);
      noteEnd(m, id, now);
    }
    return { kind: "finished", outcome: JSON.parse(final) as StoredOutcome, first: true };
  });
}

/** Null: it may be refused, as the next under its id. */
function answerRefused(known: CommandRecord, content: string): RefuseAnswer | null {
  if (known.claim !== REFUSED) return { kind: "id-reused", sinceMs: known.created };
  const stored = known.content === content ? known.final : known.refused?.[content];
  if (stored !== undefined) {
    return { kind: "finished", outcome: JSON.parse(stored) as StoredOutcome, first: false };
  }
  return known.told === true ? null : { kind: "refusal-unconfirmed" };
}

function keptWith(known: CommandRecord | undefined): Readonly<Record<string, string>> {
  if (known === undefined) return {};
  const kept = known.refused ?? {};
  const before = Object.keys(kept).length >= MOST_KEPT ? {} : kept;
  return { ...before, [known.content]: known.final ?? "" };
}
