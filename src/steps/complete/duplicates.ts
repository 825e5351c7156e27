import { isLaterVersion } from "../../core/state/envelope.ts";
import type { Rules } from "../../core/rules.ts";
import type { Deferring, Work } from "./deferring.ts";
import {
  duplicateMessages,
  idReusedMessages,
  lacksBody,
  outcomeMessages,
  repeatMessages,
} from "./messages.ts";
import type { Journal } from "../ports/journal.ts";
import type { Disposition } from "../ports/outlet.ts";
import type { Publishing } from "./publishing.ts";
import type { StepResult } from "../step.ts";

export interface DuplicatesDeps {
  readonly journal: Journal;
  readonly region: string;
  readonly rules: Rules;
}

type Result<K extends StepResult["kind"]> = Extract<StepResult, { kind: K }>;

/** Deliveries of what is known already: what is stored is published again, or the sender gets an answer. */
export function createDuplicates(
  { journal, region, rules }: DuplicatesDeps,
  deferring: Deferring,
  publishing: Publishing,
) {
  return {
    /** The step was saved: what follows from it, again. */
    async repeated(
      work: Work,
      { outbox, body }: Result<"repeat">,
      signal: AbortSignal,
    ): Promise<Disposition> {
      const messages = repeatMessages(outbox, body);
      if (messages !== null) return publishing.answered(work, messages, signal);
      if (lacksBody(outbox, body)) return deferring.fenced(work);
      if (isLaterVersion(outbox.next?.envelope)) {
        return deferring.deferred(work, rules.ladderMs[0] ?? 0, { why: "later-version" });
      }
      return deferring.unreadable(work, "the saved step cannot be read");
    },

    /** The final event again; and an answer of its own for a copy that asks elsewhere than the original did. */
    async finished(
      work: Work,
      { outcome, published, duplicate = null }: Result<"finished">,
      signal: AbortSignal,
    ): Promise<Disposition> {
      const { order, from } = work;
      if (published) {
        journal.dropped(order.commandId, from, "finished");
        return "ack";
      }
      const messages = [
        ...outcomeMessages(outcome),
        ...(duplicate === null ? [] : duplicateMessages(region, order, duplicate)),
      ];
      return publishing.ended(work, outcome, messages, signal);
    },

    async duplicate(
      work: Work,
      { view }: Result<"duplicate">,
      signal: AbortSignal,
    ): Promise<Disposition> {
      const { order, from } = work;
      journal.dropped(order.commandId, from, "duplicate");
      return publishing.answered(work, duplicateMessages(region, order, view), signal);
    },

    async idReused(
      work: Work,
      { sinceMs }: Result<"id-reused">,
      signal: AbortSignal,
    ): Promise<Disposition> {
      const { order, from } = work;
      journal.dropped(order.commandId, from, "id-reused");
      const reuse = { sinceMs, contentHash: order.contentHash, problems: [], copy: { order } };
      return publishing.answered(work, idReusedMessages(region, order, reuse), signal);
    },
  };
}
