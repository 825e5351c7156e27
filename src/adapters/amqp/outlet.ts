import type { ProgressEvent } from "../../contract/event.ts";
import type { ArrivalMarks, Outgoing, Outlet } from "../../steps/ports/outlet.ts";
import { backoffMs } from "./backoff.ts";
import type { Publication } from "./confirm-lane.ts";
import type { Delivery } from "./delivery.ts";
import { arrivalPublication, isOurs, passedOnPublication, publicationOf } from "./publications.ts";
import type { Publisher, PublishOutcome } from "./publisher.ts";
import type { AmqpSettings, OnAmqpEvent } from "./settings.ts";
import { pause, withDeadline } from "./waiting.ts";

export type ReplyEnd = "no-queue" | "refused" | "unconfirmed";

export type PublicationKind = Outgoing["kind"] | "arrival";

/** Stands around the publication of one message, all attempts included. May add headers, and gives back what came of it. */
export type AroundPublication = (
  message: Outgoing | { readonly kind: "arrival" },
  publication: Publication,
  send: (publication: Publication) => Promise<PublishOutcome>,
) => Promise<PublishOutcome>;

export interface AmqpOutletOptions {
  readonly publisher: Publisher;
  /** For replies alone: a queue of somebody else's that never confirms costs the others nothing. */
  readonly replyPublisher: Publisher;
  readonly settings: AmqpSettings;
  readonly onEvent: OnAmqpEvent;
  /** Nobody has bound a queue for this event: published all the same. */
  readonly onUnroutable?: (event: ProgressEvent) => void;
  /** Each attempt, and how long the broker took to say what came of it. */
  readonly onPublished?: (kind: PublicationKind, outcome: PublishOutcome, seconds: number) => void;
  /** A reply that its `reply_to` did not take; the event on the exchange has it all. */
  readonly onReplyGivenUp?: (why: ReplyEnd) => void;
  readonly around?: AroundPublication | undefined;
  /** A queue of ours was not there. */
  readonly onMissing: () => void;
}

/** The outlet of the steps, and what only this room can do: putting a raw command aside for later. */
export interface AmqpOutlet extends Outlet {
  /**
   * Puts a raw command, byte for byte, into a delay queue; it comes back on the work queue with type
   * `ecs.reinstall.arrival.v1`. May be repeated: the copies carry the same message id.
   */
  republishArrival(
    raw: Delivery,
    marks: ArrivalMarks,
    signal: AbortSignal,
  ): Promise<"confirmed" | "unconfirmed">;
}

export function createOutlet(options: AmqpOutletOptions): AmqpOutlet {
  const { publisher, replyPublisher, settings, onEvent } = options;
  const around: AroundPublication =
    options.around ?? ((_message, publication, send) => send(publication));

  /** Queues that did not confirm a reply, and until when they are not asked again. */
  const silent = new Map<string, number>();

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
        if (kind === "event") return outcome;
        onEvent("error", "queue is missing", { queue: publication.routingKey });
        options.onMissing();
      }
    }
    return outcome;
  }

  /**
   * Once, over a channel of its own, for as long as one confirm may take. Whoever asked for a reply has to take it: no
   * command hangs on that, and the event on the exchange is not forgiven like this.
   */
  async function reply(
    message: Extract<Outgoing, { kind: "reply" }>,
    signal: AbortSignal,
  ): Promise<"confirmed" | "unconfirmed"> {
    const { queue } = message;
    const nowMs = performance.now();
    for (const [one, untilMs] of silent) if (untilMs <= nowMs) silent.delete(one);
    const outcome = await around(message, publicationOf(settings, message), async (publication) => {
      // Its last reply is hardly given up: ten more of them would keep every other command waiting.
      if (silent.has(queue)) return "unconfirmed";
      const startedMs = performance.now();
      const answered = await replyPublisher.publish(publication, signal);
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
    const why = outcome === "returned" ? "no-queue" : outcome;
    options.onReplyGivenUp?.(why);
    const said = why === "refused" ? "reply was refused" : "reply was given up";
    onEvent(why === "no-queue" ? "info" : "warn", said, { queue, why });
    return "confirmed";
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
    const outcome = await around(message, publicationOf(settings, message), (publication) =>
      publishUntilSure(message.kind, publication, signal),
    );
    switch (outcome) {
      case "confirmed":
        return "confirmed";
      case "returned":
        if (message.kind === "event") options.onUnroutable?.(message.event);
        return message.kind === "event" ? "confirmed" : "unconfirmed";
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

/** In confirm time-outs. */
const SILENT_FOR = 3;
const ATTEMPTS = 3;
/** All attempts of all messages of one call together, in confirm time-outs. */
const OVERALL = 2;
