import type { Problem } from "../contract/command.ts";
import type { ProgressEvent } from "../contract/event.ts";
import { rejected, type Subject, toMisuseAnswer } from "../core/events.ts";
import type { Order } from "../core/order.ts";
import type { CommandView } from "./ports/admission.ts";
import type { StoredOutcome } from "./ports/step-record.ts";
import type { Outgoing } from "./ports/outlet.ts";

/**
 * Tells the sender of a duplicate how the original stands. Made of what is stored, its time included, so
 * that a repeat says the same under the same id.
 */
export function duplicateMessages(region: string, order: Order, view: CommandView): Outgoing[] {
  const data = {
    original: {
      phase: view.phase,
      outcome: view.outcome,
      job_id: view.jobId,
      updated_at: new Date(view.updatedAtMs).toISOString(),
    },
  };
  const event = toMisuseAnswer(region, order, {
    draft: { event: "duplicate", data },
    contentHash: order.contentHash,
    atMs: view.updatedAtMs,
  });
  return misuseMessages(order, event);
}

/**
 * The id is known with another content: that one goes on untouched, this one is rejected, whatever else is wrong with
 * it. The time is the store's, for a repeat must not say another under the same id.
 */
export function idReusedMessages(
  region: string,
  subject: Subject,
  reuse: {
    readonly sinceMs: number;
    readonly contentHash: string;
    readonly problems: readonly Problem[];
    readonly copy: unknown;
  },
): Outgoing[] {
  const problems = [...reuse.problems, ID_REUSED];
  const event = toMisuseAnswer(region, subject, {
    draft: rejected(problems),
    contentHash: reuse.contentHash,
    atMs: reuse.sinceMs,
  });
  const reason = `rejected: ${ID_REUSED.path}: ${ID_REUSED.code}`;
  return misuseMessages(subject, event, { reason, body: reuse.copy });
}

const ID_REUSED: Problem = {
  path: "command_id",
  code: "id-reused",
  message: "names a command with another content: two commands with one id are one command",
};

/**
 * To whoever asked; where nobody did, to the exchange under the bare name of the event, apart from the events of the
 * command that owns the id (contract §3).
 */
function misuseMessages(
  { replyTo }: Subject,
  event: ProgressEvent,
  dead: StoredOutcome["dead"] = null,
): Outgoing[] {
  const answer: Outgoing =
    replyTo === undefined
      ? { kind: "event", event, routingKey: event.data.event }
      : { kind: "reply", event, ...replyTo };
  if (dead === null) return [answer];
  return [answer, { kind: "dead", messageId: `${event.id}/dead`, ...dead }];
}
