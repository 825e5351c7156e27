import { rejected, toProgressEvent } from "../core/events.ts";
import type { Order } from "../core/order.ts";
import { outcomeMessages } from "./finish.ts";
import type { CommandView } from "./ports/reinstall-store.ts";
import type { Outgoing } from "./ports/outlet.ts";
import { reuseSuffix } from "./refuse.ts";

/** Routing key of `duplicate` where nobody asked for a reply: apart from the original's own events (contract §3). */
const DUPLICATE_KEY = "duplicate";

/**
 * Tells the sender of a duplicate how the original stands. Made of what is stored, its time included, so
 * that a repeat says the same under the same id.
 */
export function duplicateMessages(region: string, order: Order, view: CommandView): Outgoing[] {
  const event = toProgressEvent(
    region,
    order,
    view.sequence,
    {
      event: "duplicate",
      data: {
        original: {
          phase: view.phase,
          outcome: view.outcome,
          job_id: view.jobId,
          updated_at: new Date(view.updatedAtMs).toISOString(),
        },
      },
    },
    view.updatedAtMs,
    `~duplicate-${view.phase}-${view.updatedAtMs}`,
  );
  if (order.replyTo === undefined) return [{ kind: "event", event, routingKey: DUPLICATE_KEY }];
  return [{ kind: "reply", event, ...order.replyTo }];
}

/**
 * The id is known with another content: that one goes on untouched, this one is rejected. The time is the
 * store's, for a repeat must not say another under the same id.
 */
export function idReusedMessages(region: string, order: Order, sinceMs: number): Outgoing[] {
  const draft = rejected([
    {
      path: "command_id",
      code: "id-reused",
      message: "names a command with another content: two commands with one id are one command",
    },
  ]);
  return outcomeMessages({
    event: toProgressEvent(region, order, 1, draft, sinceMs, reuseSuffix(order.contentHash)),
    reply: order.replyTo ?? null,
    dead: { reason: "rejected: command_id: id-reused", body: { order } },
  });
}
