import { shownOrigin } from "../core/intake/origin.ts";
import type { Delivery, Disposition } from "../steps/ports/outlet.ts";
import type { UnreadableStep } from "./read-envelope.ts";
import type { WorkerDeps } from "./worker-deps.ts";

/**
 * A message of a later version is passed on, untouched and ever more slowly, until a worker takes it that knows it;
 * put back into the queue it would be the first again and keep everything else waiting. Rubbish goes to the dead queue.
 */
export function createTakeUnreadable({ outlet, rules, journal, signal }: WorkerDeps) {
  return async function takeUnreadable(
    delivery: Delivery,
    read: UnreadableStep,
  ): Promise<Disposition> {
    if (read.kind === "later-version") {
      const passes = (delivery.passes ?? 0) + 1;
      journal.trouble("a step of a later version is left to a later worker", {
        messageId: delivery.messageId,
        passes,
      });
      const delayMs = rules.ladderMs[passes - 1] ?? rules.ladderMs.at(-1) ?? 0;
      const passed = await outlet.passOn(delivery, { delayMs, passes }, signal);
      return passed === "confirmed" ? "ack" : "requeue";
    }
    journal.gaveUp("unreadable", {
      messageId: delivery.messageId,
      detail: read.why,
    });
    const dead = {
      kind: "dead" as const,
      messageId: `${delivery.messageId ?? "unnamed"}/dead`,
      reason: `internal message cannot be read: ${read.why}`,
      body: {
        bytes: delivery.body.byteLength,
        message_id: delivery.messageId ?? null,
        ...(delivery.origin && { origin: shownOrigin(delivery.origin) }),
      },
    };
    return (await outlet.publish([dead], signal)) === "confirmed" ? "ack" : "requeue";
  };
}
