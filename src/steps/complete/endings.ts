import type { Envelope } from "../../core/state/envelope.ts";
import type { Rules } from "../../core/rules.ts";
import type { Deferring, Work } from "./deferring.ts";
import { createDisplaced } from "./displaced.ts";
import { createEndInquiry, type EndInquiryDeps } from "./end-inquiry.ts";
import { outcomeMessages } from "./messages.ts";
import type { Disposition } from "../ports/outlet.ts";
import type { Publishing } from "./publishing.ts";
import type { StepResult } from "../step.ts";

export interface EndingsDeps extends EndInquiryDeps {
  readonly rules: Rules;
}

/** Ends that are stored elsewhere than under the command's own id. */
export function createEndings(deps: EndingsDeps, deferring: Deferring, publishing: Publishing) {
  const { store, journal, rules, region } = deps;
  const endDisplaced = createDisplaced(store, region);
  const endInquiry = createEndInquiry(deps);
  const soonMs = rules.ladderMs[0] ?? 0;
  return {
    /** The store had forgotten this command, and another one has its id now: it ends under a name of its own. */
    async displaced(work: Work, envelope: Envelope, signal: AbortSignal): Promise<Disposition> {
      const ended = await endDisplaced(envelope);
      switch (ended.kind) {
        case "finished": {
          const published = await publishing.publish(outcomeMessages(ended.outcome), signal);
          if (published !== "confirmed") return publishing.unpublished(work, published);
          await store.published(
            work.order.projectId,
            ended.alias,
            ended.outcome.event.data.sequence,
          );
          journal.ended(work.from, ended.outcome, null);
          return "ack";
        }
        case "corrupt":
          return deferring.unreadable(work, ended.message);
        case "rebuilding": {
          const why = {
            why: "store-rebuilding",
            untilMs: ended.untilMs,
            mayHaveRun: true,
          } as const;
          return deferring.deferred(work, soonMs, why);
        }
        case "away":
          return deferring.deferred(work, soonMs, { why: "store-away" });
      }
    },

    async inquiryEnded(
      work: Work,
      result: Extract<StepResult, { kind: "settled" | "inquiry-over" }>,
      signal: AbortSignal,
    ): Promise<Disposition> {
      const end = await endInquiry(work.order, result);
      switch (end.kind) {
        case "settled":
          return publishing.ended(work, end.outcome, outcomeMessages(end.outcome), signal);
        case "over":
          return "ack";
        case "away":
          return deferring.deferred(work, soonMs, { why: "store-away" });
        case "corrupt":
          return deferring.unreadable(work, end.message);
      }
    },
  };
}
