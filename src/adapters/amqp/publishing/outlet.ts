import type { PublicationKind } from "../../../contract/labels.ts";
import type { Outgoing, Outlet } from "../../../steps/ports/outlet.ts";
import { backoffMs } from "../connection/backoff.ts";
import type { Publication } from "./confirm-lane.ts";
import type { AmqpOutletOptions, AroundPublication } from "./outlet-options.ts";
import { arrivalPublication, isOurs, passedOnPublication, publicationOf } from "./publications.ts";
import type { PublishOutcome } from "./publisher.ts";
import { createReplies } from "./replies.ts";
import { pause, withDeadline } from "../../time-limits.ts";

/** The outlet of the steps, over RabbitMQ: each message with its confirm, and again where nobody answered. */
export function createOutlet(options: AmqpOutletOptions): Outlet {
  const { publisher, settings, onEvent } = options;
  const around: AroundPublication =
    options.around ?? ((_message, publication, send) => send(publication));

  const reply = createReplies({ ...options, around });

  /** Again on a fresh channel under the same id: a second copy does no harm, a missing one does. */
  async function publishUntilSure(
    kind: PublicationKind,
    publication: Publication,
    signal: AbortSignal,
  ): Promise<PublishOutcome> {
    let outcome: PublishOutcome = "unconfirmed";
    for (let attempt = 0; attempt < ATTEMPTS && !signal.aborted; attempt += 1) {
      if (attempt > 0) await pause(backoffMs(attempt, settings.reconnect), signal);
      const startedMs = performance.now();
      outcome = await publisher.publish(publication, signal);
      options.onPublished?.(kind, outcome, (performance.now() - startedMs) / 1000);
      if (outcome === "confirmed") return outcome;
      if (outcome === "returned") {
        if (kind === "event" || kind === "operator") return outcome;
        onEvent("error", "queue is missing", { queue: publication.routingKey });
        options.onMissing();
      }
    }
    return outcome;
  }

  async function publishOne(
    message: Outgoing,
    signal: AbortSignal,
  ): Promise<"confirmed" | "refused" | "unconfirmed"> {
    if (message.kind === "reply" && isOurs(settings, message.queue)) {
      // Whoever names our own queue as theirs would feed us our answers.
      onEvent("warn", "reply to a queue of ours is not sent", { queue: message.queue });
      return "confirmed";
    }
    if (message.kind === "reply") return reply(message, signal);
    const outcome = await around(
      message,
      publicationOf(settings, message, options.nowMs?.()),
      (publication) => publishUntilSure(message.kind, publication, signal),
    );
    switch (outcome) {
      case "confirmed":
        return "confirmed";
      case "returned":
        // An event that nobody has bound a queue for is published all the same.
        return message.kind === "event" || message.kind === "operator"
          ? "confirmed"
          : "unconfirmed";
      case "refused":
        return "refused";
      case "unconfirmed":
        return "unconfirmed";
    }
  }

  return {
    isBlocked: () => publisher.isBlocked(),

    /** One after the other: what follows is not sent before what went before it is safe. */
    async publish(messages, signal) {
      return withDeadline(signal, OVERALL * settings.confirmTimeoutMs, async (deadline) => {
        for (const message of messages) {
          const outcome = await publishOne(message, deadline);
          if (outcome !== "confirmed") return outcome;
        }
        return "confirmed";
      });
    },

    async republishArrival(raw, marks, signal) {
      const publication = arrivalPublication(settings, raw, marks);
      return withDeadline(signal, OVERALL * settings.confirmTimeoutMs, async (deadline) => {
        const outcome = await around({ kind: "arrival" }, publication, (marked) =>
          publishUntilSure("arrival", marked, deadline),
        );
        return outcome === "confirmed" ? "confirmed" : "unconfirmed";
      });
    },

    /** No span of ours: its headers carry the trace of whoever understands it. */
    async passOn(raw, marks, signal) {
      const publication = passedOnPublication(settings, raw, marks);
      return withDeadline(signal, OVERALL * settings.confirmTimeoutMs, async (deadline) => {
        const outcome = await publishUntilSure("step", publication, deadline);
        return outcome === "confirmed" ? "confirmed" : "unconfirmed";
      });
    },
  };
}

const ATTEMPTS = 3;
/** All attempts of all messages of one call together, in confirm time-outs. */
const OVERALL = 2;
