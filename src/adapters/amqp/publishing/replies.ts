import type { ReplyEnd } from "../../../contract/labels.ts";
import { asError } from "../../thrown.ts";
import type { Outgoing } from "../../../steps/ports/outlet.ts";
import type { AmqpOutletOptions, AroundPublication } from "./outlet-options.ts";
import { publicationOf } from "./publications.ts";

/** A copy of a final event for the queue that its emitter named. */
export type Reply = Extract<Outgoing, { kind: "reply" }>;

type ReplyOptions = Omit<AmqpOutletOptions, "onMissing" | "around"> & {
  readonly around: AroundPublication;
};

/** In confirm time-outs. */
const SILENT_FOR = 3;

/**
 * Replies are sent once, over a channel of their own, for as long as one confirm may take. Whoever asked for a reply has
 * to take it: no command hangs on that, and the event on the exchange is not forgiven like this. `unconfirmed`: nothing
 * is known of that queue, for the broker was away or we stop.
 */
export function createReplies(options: ReplyOptions) {
  const { publisher, replyPublisher, settings, onEvent, around } = options;
  /** Queues that did not confirm a reply, and until when they are not asked again. */
  const silent = new Map<string, number>();

  function giveUp(queue: string, why: ReplyEnd, thrown?: Error): void {
    options.onReplyGivenUp?.(why);
    const message = why === "refused" ? "reply was refused" : "reply was given up";
    const error = thrown === undefined ? {} : { error: thrown.message };
    onEvent(why === "no-queue" ? "info" : "warn", message, { queue, why, ...error });
  }

  return async function send(
    message: Reply,
    signal: AbortSignal,
  ): Promise<"confirmed" | "unconfirmed"> {
    const { queue } = message;
    const nowMs = performance.now();
    for (const [one, untilMs] of silent) if (untilMs <= nowMs) silent.delete(one);
    let thrown: Error | undefined;
    const outcome = await around(message, publicationOf(settings, message), async (publication) => {
      // Its last reply is hardly given up: ten more of them would keep every other command waiting.
      if (silent.has(queue)) return "unconfirmed";
      const startedMs = performance.now();
      const answered = await replyPublisher
        .publish(publication, signal)
        // AMQP cannot carry it: an address that an earlier version stored as it had read it.
        .catch((error: unknown) => {
          thrown = asError(error);
          return "refused" as const;
        });
      options.onPublished?.("reply", answered, (performance.now() - startedMs) / 1000);
      return answered;
    });
    if (outcome === "confirmed") return "confirmed";
    // We stop, or the broker is away for everybody: nothing is known of that queue.
    if (outcome === "unconfirmed" && (signal.aborted || publisher.isBlocked()))
      return "unconfirmed";
    if (outcome === "unconfirmed" && !silent.has(queue)) {
      silent.set(queue, nowMs + SILENT_FOR * settings.confirmTimeoutMs);
    }
    giveUp(queue, outcome === "returned" ? "no-queue" : outcome, thrown);
    return "confirmed";
  };
}
