import type { OsReinstall } from "../contract/os-reinstall.ts";
import { delayForAge } from "../core/backoff.ts";
import { type Next, next } from "../core/decision.ts";
import { type Envelope, isLaterVersion } from "../core/envelope.ts";
import { type FinalDraft, rejected, toProgressEvent } from "../core/events.ts";
import type { Order } from "../core/order.ts";
import type { PutAsideWhy } from "../core/put-aside.ts";
import { duplicateMessages, idReusedMessages } from "./answer-duplicate.ts";
import {
  createFinish,
  type FinishDeps,
  lacksBody,
  nextEnvelope,
  outcomeMessages,
  repeatMessages,
  type Stored,
} from "./finish.ts";
import type { Disposition, Outgoing, Outlet } from "./ports/outlet.ts";
import type { Journal } from "./ports/journal.ts";
import type { StoredOutcome } from "./ports/reinstall-store.ts";
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
    await store.told(order.projectId, order.commandId);
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
        return corrupt(work, stored.message, signal);
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
    const decision = unsaved(envelope, result);
    const nextOne = nextEnvelope(work.order, result.claim, decision, result.token, clock.nowMs());
    const step = { kind: "step" as const, envelope: nextOne, delayMs: decision.delayMs };
    const told = (await tell([step], signal)) === "confirmed";
    journal.trouble("outcome of a submission could not be saved; it travels in its message", {
      commandId: work.order.commandId,
      phase: decision.state.phase,
      told,
    });
    return told ? "ack" : "requeue";
  }

  function unsaved(
    envelope: Envelope,
    { decision }: Extract<StepResult, { kind: "conclude" }>,
  ): Next {
    if (decision.kind === "next") {
      const { state } = decision;
      return {
        ...decision,
        events: [],
        state: state.phase === "watch" ? { ...state, announced: false } : state,
      };
    }
    // A sure refusal: nothing was done, so it may come to the line again and be refused again.
    const { state } = envelope;
    if (state.phase !== "submit") throw new Error(`nothing is submitted in ${state.phase}`);
    return next(
      {
        phase: "waiting",
        body: state.body,
        tries: { ...state.tries, attempt: state.tries.attempt + 1 },
        waitsFor: "store-rebuilding",
        before: state.before,
        sinceMs: clock.nowMs(),
      },
      rules.ladderMs.at(-1) ?? 0,
    );
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

  /** Keys of ours hold what nobody can read: this command ends here, the others go on. */
  async function corrupt(work: Work, message: string, signal: AbortSignal): Promise<Disposition> {
    const { order, envelope } = work;
    journal.trouble("the store holds what cannot be read", {
      commandId: order.commandId,
      serverId: order.serverId,
      detail: message,
    });
    const draft: FinalDraft =
      envelope === null
        ? rejected([{ path: "command_id", code: "store-unreadable", message }])
        : {
            event: "unresolved",
            data: {
              seen: message,
              why: "store-unreadable",
              next_step: "Repair or delete the named key, then look at the server.",
            },
          };
    const event = toProgressEvent(
      region,
      order,
      envelope?.sequence ?? 1,
      draft,
      envelope?.dueMs ?? order.receivedAtMs,
      "~unreadable",
    );
    const outcome: StoredOutcome = {
      event,
      reply: order.replyTo ?? null,
      dead: { reason: `store-unreadable: ${message}`, body: { order, event } },
    };
    const told = await tell(outcomeMessages(outcome), signal);
    if (told !== "confirmed") return untold(work, told);
    journal.ended(work.from, outcome, null);
    return "ack";
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
        if (messages === null) return corrupt(work, "the saved step cannot be read", signal);
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
        return corrupt(work, result.message, signal);
    }
  };
}
