import { recordIdOf } from "../../core/state/envelope.ts";
import type { Rules } from "../../core/rules.ts";
import type { Deferring, Work } from "./deferring.ts";
import type { ReachPoint } from "../ports/clock.ts";
import type { Journal } from "../ports/journal.ts";
import type { Disposition, Outgoing, Outlet } from "../ports/outlet.ts";
import type { ReinstallStore } from "../ports/reinstall-store.ts";
import type { StoredOutcome } from "../ports/stored-outcome.ts";

export interface PublishingDeps {
  readonly outlet: Outlet;
  readonly store: ReinstallStore;
  readonly journal: Journal;
  readonly rules: Rules;
  readonly reach: ReachPoint;
}

/** Publishes what is stored, and says what the broker is answered about the delivery. */
export interface Publishing {
  publish(messages: readonly Outgoing[], signal: AbortSignal): ReturnType<Outlet["publish"]>;
  /** What is stored and could not be published. */
  unpublished(work: Work, outcome: "refused" | "unconfirmed"): Promise<Disposition>;
  /** Publishes, then acknowledges. */
  answered(work: Work, messages: readonly Outgoing[], signal: AbortSignal): Promise<Disposition>;
  /** A final outcome, by its messages: publishes it, marks that in the store, acknowledges. */
  ended(
    work: Work,
    outcome: StoredOutcome,
    messages: readonly Outgoing[],
    signal: AbortSignal,
  ): Promise<Disposition>;
}

export function createPublishing(deps: PublishingDeps, deferring: Deferring): Publishing {
  const { outlet, store, journal, rules, reach } = deps;

  async function publish(messages: readonly Outgoing[], signal: AbortSignal) {
    await reach("step:before-publish");
    const outcome = await outlet.publish(messages, signal);
    await reach("step:published");
    return outcome;
  }

  /**
   * Somebody's full queue may stay full for long: put back into its own queue the message would be the first again, and
   * keep others waiting.
   */
  async function unpublished(work: Work, outcome: "refused" | "unconfirmed"): Promise<Disposition> {
    if (outcome === "unconfirmed") return "requeue";
    return deferring.deferred(work, rules.ladderMs[0] ?? 0, { why: "queue-full" });
  }

  return {
    publish,
    unpublished,

    async answered(work, messages, signal) {
      const published = await publish(messages, signal);
      return published === "confirmed" ? "ack" : unpublished(work, published);
    },

    async ended(work, outcome, messages, signal) {
      const { order, from } = work;
      const published = await publish(messages, signal);
      if (published !== "confirmed") return unpublished(work, published);
      const id = recordIdOf(order.commandId, work.envelope?.state.phase);
      await store.published(order.projectId, id, outcome.event.data.sequence);
      journal.ended(from, outcome, order.observedAtMs ?? null);
      return "ack";
    },
  };
}
