import { rungAtLeast } from "../../../src/core/backoff.ts";
import type { ProgressEvent } from "../../../src/contract/event.ts";
import type { Delivery, Outgoing, Outlet } from "../../../src/steps/ports.ts";
import type { MemoryBroker, Message } from "./broker.ts";

/** How one message reaches the broker: with the delays and failures of a network. */
export type PublishTransport = (
  label: string,
  accept: () => void,
  signal: AbortSignal,
) => Promise<"confirmed" | "unconfirmed">;

export interface MemoryOutletOptions {
  readonly broker: MemoryBroker;
  readonly ladderMs: readonly number[];
  readonly transport?: PublishTransport;
  readonly isBlocked?: () => boolean;
  /** Events, replies and dead letters leave us here. */
  readonly onEvent: (event: ProgressEvent, routingKey: string | null) => void;
  readonly onReply: (event: ProgressEvent, queue: string) => void;
  readonly onDead: (messageId: string, reason: string, body: unknown) => void;
}

const atOnce: PublishTransport = async (_label, accept) => {
  accept();
  return "confirmed";
};

/** Publishes into the in-memory broker, one message after the other, as the real outlet does. */
export function createMemoryOutlet(options: MemoryOutletOptions): Outlet {
  const { broker, ladderMs, transport = atOnce, isBlocked = () => false } = options;
  const rungFor = (delayMs: number) => (delayMs <= 0 ? 0 : rungAtLeast(delayMs, ladderMs));

  function accept(message: Outgoing): void {
    switch (message.kind) {
      case "step": {
        const { envelope, delayMs } = message;
        const about = envelope.order.commandId;
        const again = envelope.revived === 0 ? "" : `/revived/${envelope.revived}`;
        broker.putDelayed(
          {
            about,
            kind: "step",
            body: Buffer.from(JSON.stringify(envelope)),
            messageId: `${about}/step/${envelope.step}${again}`,
            label: `step ${envelope.step} ${envelope.state.phase}${again}`,
          },
          rungFor(delayMs),
        );
        return;
      }
      case "event":
        return options.onEvent(message.event, message.routingKey ?? null);
      case "reply":
        return options.onReply(message.event, message.queue);
      case "dead":
        return options.onDead(message.messageId, message.reason, message.body);
    }
  }

  return {
    isBlocked,
    async publish(messages, signal) {
      for (const message of messages) {
        const outcome = await transport(labelOf(message), () => accept(message), signal);
        if (outcome === "unconfirmed") return outcome;
      }
      return "confirmed";
    },
    republishArrival(raw, { delayMs, arrivedAtMs, doubt }, signal) {
      const put = () =>
        broker.putDelayed(
          {
            about: aboutOf(raw),
            kind: "arrival",
            body: raw.body,
            messageId: raw.messageId,
            replyTo: raw.replyTo,
            timestampMs: raw.timestampMs,
            marks: { arrivedAtMs, doubt },
            label: "arrival",
          },
          rungFor(delayMs),
        );
      return transport("publish arrival", put, signal);
    },
  };
}

const ABOUT_HEADER = "x-about";

function aboutOf(raw: Delivery): string {
  const about = raw.headers[ABOUT_HEADER];
  return typeof about === "string" ? about : "?";
}

function labelOf(message: Outgoing): string {
  switch (message.kind) {
    case "step":
      return `publish ${message.envelope.state.phase}`;
    case "event":
    case "reply":
      return `publish ${message.kind} ${message.event.data.event} ${message.event.id}`;
    case "dead":
      return "publish dead";
  }
}

/** A message as a worker sees it. */
export function deliveryOf({ content, redelivered }: Message): Delivery {
  return {
    body: content.body,
    contentType: "application/json",
    contentEncoding: undefined,
    messageId: content.messageId,
    type: undefined,
    timestampMs: content.timestampMs,
    replyTo: content.replyTo,
    correlationId: undefined,
    headers: { [ABOUT_HEADER]: content.about },
    redelivered,
  };
}
