import type { OsReinstall } from "../contract/os-reinstall.ts";
import { delayForAge } from "../core/backoff.ts";
import { type Envelope, isLaterVersion, recordIdOf } from "../core/envelope.ts";
import type { Order } from "../core/order.ts";
import type { PutAsideWhy } from "../core/put-aside.ts";
import { duplicateMessages, idReusedMessages } from "./answer-duplicate.ts";
import { createDisplaced } from "./displaced.ts";
import { createEndInquiry } from "./end-inquiry.ts";
import {
  createFinish,
  type FinishDeps,
  lacksBody,
  nextEnvelope,
  outcomeMessages,
  repeatMessages,
  type Stored,
  unsavedNext,
} from "./finish.ts";
import type { Disposition, Outgoing, Outlet } from "./ports/outlet.ts";
import type { Journal } from "./ports/journal.ts";
import type { StoredOutcome } from "./ports/step-record.ts";
import type { StepDeps, StepResult } from "./step.ts";

/** What is being worked on, whichever way it came. */
export interface Work {
  readonly order: Order;
  readonly from: string;
  /** Null for a raw command. */
  readonly envelope: Envelope | null;
  readonly body: OsReinstall | undefined;
  /** Puts the same message aside for a while. */
  defer(delayMs: number, why: PutAsideWhy): Promise<"confirmed" | "unconfirmed">;
}

export interface CompleteDeps extends FinishDeps, Pick<StepDeps, "rules"> {
  readonly outlet: Outlet;
  readonly journal: Journal;
}

/** Tries to keep the outcome of a POST in the store before it goes on without it. */
const KEEP_TRIES = 3;
const KEEP_PAUSE_MS = 200;

/** Store, tell, acknowledge: in that order, for every result of a step. A delivery is acknowledged only when what follows from it is durable. */
export function createComplete(deps: CompleteDeps) {
  const { outlet, store, journal, clock, rules, region, reach } = deps;
  const finish = createFinish(deps);
  const endDisplaced = createDisplaced(store, region);
  const endInquiry = createEndInquiry(deps);

  async function tell(messages: readonly Outgoing[], signal: AbortSignal) {
    await reach("step:before-publish");
    const outcome = await outlet.publish(messages, signal);
    await reach("step:published");
    return outcome;
  }

  /**
   * What is stored and could not be told. Somebody's full queue may stay full for long: put back into its own queue the
   * message would come first again, and keep others waiting.
   */
  async function untold(work: Work, outcome: "refused" | "unconfirmed"): Promise<Disposition> {
    if (outcome === "unconfirmed") return "requeue";
    return deferred(work, rules.ladderMs[0] ?? 0, { why: "queue-full" });
  }

  async function answered(
    work: Work,
    messages: readonly Outgoing[],
    signal: AbortSignal,
  ): Promise<Disposition> {
    const told = await tell(messages, signal);
    return told === "confirmed" ? "ack" : untold(work, told);
  }

  async function tellOutcome(
    work: Work,
    outcome: StoredOutcome,
    messages: readonly Outgoing[],
    signal: AbortSignal,
  ): Promise<Disposition> {
    const { order, from } = work;
    const told = await tell(messages, signal);
    if (told !== "confirmed") return untold(work, told);
    const id = recordIdOf(order.commandId, work.envelope?.state.phase);
    await store.told(order.projectId, id, outcome.event.data.sequence);
    journal.ended(from, outcome, order.observedAtMs ?? null);
    return "ack";
  }

  async function concluded(
    work: Work,
    result: Extract<StepResult, { kind: "conclude" }>,
    signal: AbortSignal,
  ): Promise<Disposition> {
    const stored = await finish.store(work.order, result);
    return (await settled(work, result, stored, signal)) ?? keep(work, result, signal);
  }

  /** Null: the store does not have it, and it must not be lost. */
  async function settled(
    work: Work,
    result: Extract<StepResult, { kind: "conclude" }>,
    stored: Stored,
    signal: AbortSignal,
  ): Promise<Disposition | null> {
    switch (stored.kind) {
      case "tell":
        if (stored.ends !== null) return tellOutcome(work, stored.ends, stored.messages, signal);
        return tellNext(work, result, stored.messages, signal);
      case "fenced":
        return fenced(work);
      case "forgotten":
        return result.submitted ? null : again(signal);
      case "away":
        return result.submitted
          ? null
          : deferred(work, rules.ladderMs[0] ?? 0, { why: "store-away" });
      case "corrupt":
        return result.submitted ? null : unreadable(work, stored.message);
    }
  }

  async function tellNext(
    work: Work,
    { decision }: Extract<StepResult, { kind: "conclude" }>,
    messages: readonly Outgoing[],
    signal: AbortSignal,
  ): Promise<Disposition> {
    const told = await tell(messages, signal);
    if (told !== "confirmed") return untold(work, told);
    if (decision.kind === "next") {
      const events = messages.flatMap((m) => (m.kind === "event" ? [m.event] : []));
      journal.moved(work.order, work.from, decision.state.phase, events);
    }
    return "ack";
  }

  /**
   * The POST is out and the store is gone: claim again, which puts the record back; else let the outcome
   * travel in the message alone. Its events wait until there is a store to number them.
   */
  async function keep(
    work: Work,
    result: Extract<StepResult, { kind: "conclude" }>,
    signal: AbortSignal,
  ): Promise<Disposition> {
    const { envelope } = work;
    if (envelope === null) throw new Error("a raw command never submits");
    for (let tries = 0; tries < KEEP_TRIES && !signal.aborted; tries++) {
      const nonce = clock.nonce();
      const claimed = await store.claim(envelope, { nonce, redelivered: true });
      if (claimed.kind === "claimed") {
        const stored = await finish.store(work.order, { ...result, claim: claimed.claim });
        const disposition = await settled(work, result, stored, signal);
        if (disposition !== null) return disposition;
      } else if (claimed.kind !== "away") break;
      await clock.sleep(KEEP_PAUSE_MS, signal);
    }
    const now = { nowMs: clock.nowMs(), rules };
    const decision = unsavedNext(envelope, result, now);
    const nextOne = nextEnvelope(work.order, result, decision, now);
    const step = { kind: "step" as const, envelope: nextOne, delayMs: decision.delayMs };
    const told = (await tell([step], signal)) === "confirmed";
    journal.trouble("outcome of a submission could not be saved; it travels in its message", {
      commandId: work.order.commandId,
      phase: decision.state.phase,
      told,
    });
    return told ? "ack" : "requeue";
  }

  async function again(signal: AbortSignal): Promise<Disposition> {
    await clock.sleep(Math.min(1_000, rules.ladderMs[0] ?? 0), signal);
    return "requeue";
  }

  /** The longer it has been going on, the longer the wait: an outage must not turn into a storm of our own. */
  async function deferred(work: Work, atLeastMs: number, why: PutAsideWhy): Promise<Disposition> {
    const ageMs = clock.nowMs() - (work.envelope?.dueMs ?? work.order.receivedAtMs);
    const delayMs = Math.max(atLeastMs, delayForAge(ageMs, rules.ladderMs, clock.random()));
    journal.deferred(work.order.commandId, work.from, why.why, delayMs);
    return (await work.defer(delayMs, why)) === "confirmed" ? "ack" : "requeue";
  }

  /**
   * Another delivery has the step, and tells it. But that one may be nobody's any more, its process cut off from the
   * broker: so this message comes back when it must have been told, and tells it again if it was not.
   */
  function fenced(work: Work): Promise<Disposition> {
    return deferred(work, rules.ladderMs.at(-1) ?? 0, { why: "fenced" });
  }

  /**
   * A key of ours holds what nobody can read. Nothing can be stored, so nothing is told: an end that the store does not
   * have would be followed by another. The message waits, loudly, until a person has looked at the key.
   */
  function unreadable(work: Work, message: string): Promise<Disposition> {
    journal.unreadable(work.order, message);
    return deferred(work, rules.ladderMs[0] ?? 0, { why: "store-unreadable" });
  }

  /** The store had forgotten this command, and another one has its id now: it ends under a name of its own. */
  async function displaced(
    work: Work,
    envelope: Envelope,
    signal: AbortSignal,
  ): Promise<Disposition> {
    const ended = await endDisplaced(envelope);
    switch (ended.kind) {
      case "finished": {
        const told = await tell(outcomeMessages(ended.outcome), signal);
        if (told !== "confirmed") return untold(work, told);
        await store.told(work.order.projectId, ended.alias, ended.outcome.event.data.sequence);
        journal.ended(work.from, ended.outcome, null);
        return "ack";
      }
      case "corrupt":
        return unreadable(work, ended.message);
      case "rebuilding": {
        const why = { why: "store-rebuilding", untilMs: ended.untilMs, doubt: true } as const;
        return deferred(work, rules.ladderMs[0] ?? 0, why);
      }
      case "away":
        return deferred(work, rules.ladderMs[0] ?? 0, { why: "store-away" });
    }
  }

  async function inquiryEnded(
    work: Work,
    result: Extract<StepResult, { kind: "settled" | "inquiry-over" }>,
    signal: AbortSignal,
  ): Promise<Disposition> {
    const end = await endInquiry(work.order, result);
    switch (end.kind) {
      case "settled":
        return tellOutcome(work, end.outcome, outcomeMessages(end.outcome), signal);
      case "over":
        return "ack";
      case "away":
        return deferred(work, rules.ladderMs[0] ?? 0, { why: "store-away" });
      case "corrupt":
        return unreadable(work, end.message);
    }
  }

  /** The final event again; and an answer of its own for a copy that asks elsewhere than the original did. */
  function finishedMessages(
    order: Order,
    { outcome, duplicate = null }: Extract<StepResult, { kind: "finished" }>,
  ): Outgoing[] {
    const again = outcomeMessages(outcome);
    return duplicate === null ? again : [...again, ...duplicateMessages(region, order, duplicate)];
  }

  return async function complete(
    work: Work,
    result: StepResult,
    signal: AbortSignal,
  ): Promise<Disposition> {
    const { order } = work;
    switch (result.kind) {
      case "conclude":
        return concluded(work, result, signal);
      case "repeat": {
        const messages = repeatMessages(result.outbox, result.body);
        if (messages === null && lacksBody(result.outbox, result.body)) return fenced(work);
        if (messages === null && isLaterVersion(result.outbox.next?.envelope)) {
          return deferred(work, rules.ladderMs[0] ?? 0, { why: "later-version" });
        }
        if (messages === null) return unreadable(work, "the saved step cannot be read");
        return answered(work, messages, signal);
      }
      case "finished":
        if (result.told) {
          journal.dropped(order.commandId, work.from, "finished");
          return "ack";
        }
        return tellOutcome(work, result.outcome, finishedMessages(order, result), signal);
      case "duplicate":
        journal.dropped(order.commandId, work.from, "duplicate");
        return answered(work, duplicateMessages(region, order, result.view), signal);
      case "id-reused":
        journal.dropped(order.commandId, work.from, "id-reused");
        return answered(
          work,
          idReusedMessages(region, order, {
            sinceMs: result.sinceMs,
            contentHash: order.contentHash,
            problems: [],
            copy: { order },
          }),
          signal,
        );
      case "drop":
        if (result.why === "fenced") return fenced(work);
        journal.dropped(order.commandId, work.from, result.why);
        return "ack";
      case "defer":
        return deferred(work, result.delayMs, result);
      case "again":
        return again(signal);
      case "corrupt":
        return unreadable(work, result.message);
      case "id-taken":
        return displaced(work, result.envelope, signal);
      case "settled":
      case "inquiry-over":
        return inquiryEnded(work, result, signal);
    }
  };
}
