import type { Deferring, Work } from "./deferring.ts";
import { createFinish, type FinishDeps, nextEnvelope, type Stored, unsavedNext } from "./finish.ts";
import type { Journal } from "../ports/journal.ts";
import type { Disposition, Outgoing } from "../ports/outlet.ts";
import type { Publishing } from "./publishing.ts";
import type { StepResult } from "../step.ts";

export interface ConclusionDeps extends FinishDeps {
  readonly journal: Journal;
}

type Concluded = Extract<StepResult, { kind: "conclude" }>;

/** Tries to keep the outcome of a POST in the store before it goes on without it. */
const KEEP_TRIES = 3;
const KEEP_PAUSE_MS = 200;

/** A step that has decided: its decision is stored, then published, then acknowledged. */
export function createConclusion(
  deps: ConclusionDeps,
  deferring: Deferring,
  publishing: Publishing,
) {
  const { store, journal, clock, rules } = deps;
  const finish = createFinish(deps);

  /** Null: the store does not have it, and it must not be lost. */
  async function stored(
    work: Work,
    result: Concluded,
    answer: Stored,
    signal: AbortSignal,
  ): Promise<Disposition | null> {
    switch (answer.kind) {
      case "publish":
        return answer.ends === null
          ? movedOn(work, result, answer.messages, signal)
          : publishing.ended(work, answer.ends, answer.messages, signal);
      case "fenced":
        return deferring.fenced(work);
      case "forgotten":
        return result.submitted ? null : deferring.again(signal);
      case "away":
        return result.submitted
          ? null
          : deferring.deferred(work, rules.ladderMs[0] ?? 0, { why: "store-away" });
      case "corrupt":
        return result.submitted ? null : deferring.unreadable(work, answer.message);
    }
  }

  async function movedOn(
    work: Work,
    { decision }: Concluded,
    messages: readonly Outgoing[],
    signal: AbortSignal,
  ): Promise<Disposition> {
    const published = await publishing.publish(messages, signal);
    if (published !== "confirmed") return publishing.unpublished(work, published);
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
  async function keep(work: Work, result: Concluded, signal: AbortSignal): Promise<Disposition> {
    const { envelope } = work;
    if (envelope === null) throw new Error("a raw command never submits");
    for (let tries = 0; tries < KEEP_TRIES && !signal.aborted; tries++) {
      const nonce = clock.nonce();
      const claimed = await store.claim(envelope, { nonce, redelivered: true });
      if (claimed.kind === "claimed") {
        // What another command owes the server is known to the decision only if it was to the claim that it was made with.
        const claim = { ...claimed.claim, debt: result.claim.debt };
        const answer = await finish.store(work.order, { ...result, claim });
        const disposition = await stored(work, result, answer, signal);
        if (disposition !== null) return disposition;
      } else if (claimed.kind !== "away") break;
      await clock.sleep(KEEP_PAUSE_MS, signal);
    }
    const now = { nowMs: clock.nowMs(), rules };
    const decision = unsavedNext(envelope, result, now);
    const nextOne = nextEnvelope(work.order, result, decision, now);
    const step = { kind: "step" as const, envelope: nextOne, delayMs: decision.delayMs };
    const published = (await publishing.publish([step], signal)) === "confirmed";
    journal.trouble("outcome of a submission could not be saved; it travels in its message", {
      commandId: work.order.commandId,
      phase: decision.state.phase,
      published,
    });
    return published ? "ack" : "requeue";
  }

  return async function concluded(
    work: Work,
    result: Concluded,
    signal: AbortSignal,
  ): Promise<Disposition> {
    const answer = await finish.store(work.order, result);
    return (await stored(work, result, answer, signal)) ?? keep(work, result, signal);
  };
}
