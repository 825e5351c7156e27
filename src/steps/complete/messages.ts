import type { Problem } from "../../contract/command.ts";
import type { ProgressEvent } from "../../contract/event.ts";
import type { OsReinstall } from "../../contract/os-reinstall.ts";
import { restoreEnvelope } from "../../core/state/envelope.ts";
import { rejected, type Subject, toMisuseAnswer } from "../../core/messages/events.ts";
import type { Order } from "../../core/state/order.ts";
import type { CommandView } from "../ports/admission.ts";
import type { Outbox, StoredOutcome } from "../ports/stored-outcome.ts";
import type { Outgoing } from "../ports/outlet.ts";

/**
 * A final event after what must come before it, its repeat to whoever asked, its copy for the dead queue, and the first
 * message of the inquiry that it leaves behind.
 */
export function outcomeMessages(outcome: StoredOutcome): Outgoing[] {
  const { preface = [], event, reply, dead, inquiry } = outcome;
  const further = inquiry === undefined ? null : restoreEnvelope(inquiry.envelope, undefined);
  return [
    ...preface.map((one) => ({ kind: "event" as const, event: one })),
    { kind: "event", event },
    ...(reply === null ? [] : [{ kind: "reply" as const, event, ...reply }]),
    ...(dead === null ? [] : [{ kind: "dead" as const, messageId: `${event.id}/dead`, ...dead }]),
    ...(inquiry === undefined || further === null
      ? []
      : [{ kind: "step" as const, envelope: further, delayMs: inquiry.delayMs }]),
  ];
}

/** What a saved step left behind, published again. Null when its message cannot be put together. */
export function repeatMessages(outbox: Outbox, body: OsReinstall | undefined): Outgoing[] | null {
  const events = outbox.events.map((event) => ({ kind: "event" as const, event }));
  if (outbox.next === null) return events;
  const envelope = restoreEnvelope(outbox.next.envelope, body);
  return envelope && [...events, { kind: "step", envelope, delayMs: outbox.next.delayMs }];
}

/** Can it not be published only because this delivery has no body? Another one has it, or the sweeper ends the command. */
export function lacksBody(outbox: Outbox, body: OsReinstall | undefined): boolean {
  return body === undefined && repeatMessages(outbox, { userid: "any" }) !== null;
}

/**
 * Answers the sender of a duplicate how the original stands. Made of what is stored, its time included, so
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
