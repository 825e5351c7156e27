import type { OsReinstall } from "../../contract/os-reinstall.ts";
import { delayForAge } from "../../core/waiting/backoff.ts";
import type { Envelope } from "../../core/state/envelope.ts";
import type { Order } from "../../core/state/order.ts";
import type { DeferReason } from "../../core/waiting/deferred.ts";
import type { Rules } from "../../core/rules.ts";
import type { Clock } from "../ports/clock.ts";
import type { Journal } from "../ports/journal.ts";
import type { Disposition } from "../ports/outlet.ts";

/** What is being worked on, whichever way it arrived. */
export interface Work {
  readonly order: Order;
  readonly from: string;
  /** Null for a raw command. */
  readonly envelope: Envelope | null;
  readonly body: OsReinstall | undefined;
  /** Puts the same message into a delay queue. */
  defer(delayMs: number, why: DeferReason): Promise<"confirmed" | "unconfirmed">;
}

export interface DeferringDeps {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly rules: Rules;
}

/** Not now: the ways in which the same message is delivered again later. */
export interface Deferring {
  /** At the earliest after `atLeastMs`, and the later the longer it has been going on. */
  deferred(work: Work, atLeastMs: number, why: DeferReason): Promise<Disposition>;
  /** Another delivery has the step. */
  fenced(work: Work): Promise<Disposition>;
  /** A key of ours holds what nobody can read. */
  unreadable(work: Work, message: string): Promise<Disposition>;
  /** At once, by the broker: what it rested on is gone. */
  again(signal: AbortSignal): Promise<Disposition>;
}

export function createDeferring({ journal, clock, rules }: DeferringDeps): Deferring {
  /** The longer it has been going on, the longer the wait: an outage must not turn into a storm of our own. */
  async function deferred(work: Work, atLeastMs: number, why: DeferReason): Promise<Disposition> {
    const ageMs = clock.nowMs() - (work.envelope?.dueMs ?? work.order.receivedAtMs);
    const delayMs = Math.max(atLeastMs, delayForAge(ageMs, rules.ladderMs, clock.random()));
    journal.deferred(work.order.commandId, work.from, why.why, delayMs);
    return (await work.defer(delayMs, why)) === "confirmed" ? "ack" : "requeue";
  }

  return {
    deferred,

    /**
     * The other one publishes it. But that one may be nobody's any more, its process cut off from the broker: so this
     * message comes back when it must have been published, and publishes it again if it was not.
     */
    fenced: (work) => deferred(work, rules.ladderMs.at(-1) ?? 0, { why: "fenced" }),

    /**
     * Nothing can be stored, so nothing is published: an end that the store does not have would be followed by another.
     * The message waits, loudly, until a person has looked at the key.
     */
    unreadable(work, message) {
      journal.unreadable(work.order, message);
      return deferred(work, rules.ladderMs[0] ?? 0, { why: "store-unreadable" });
    },

    async again(signal) {
      await clock.sleep(Math.min(1_000, rules.ladderMs[0] ?? 0), signal);
      return "requeue";
    },
  };
}
