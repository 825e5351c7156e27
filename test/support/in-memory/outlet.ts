import {
  arrivalPublication,
  isOurs,
  publicationOf,
} from "../../../src/adapters/amqp/publishing/publications.ts";
import type { AmqpSettings } from "../../../src/adapters/amqp/settings.ts";
import { waitingDelayQueue } from "../../../src/adapters/amqp/topology/topology.ts";
import { longestOf } from "../../../src/core/waiting/crowd.ts";
import type { ProgressEvent } from "../../../src/contract/event.ts";
import type { Delivery, Outgoing, Outlet } from "../../../src/steps/ports/outlet.ts";
import { DEFAULT_AMQP_SETTINGS } from "../rabbitmq/amqp-settings.ts";
import type { Content, MemoryBroker } from "./broker.ts";
import { ABOUT_HEADER } from "./deliveries.ts";

/**
 * How one message reaches the broker: with the delays and failures of a network. `accept` hands it over; false: the
 * broker takes nothing now.
 */
export type PublishTransport = (
  label: string,
  accept: () => boolean,
  signal: AbortSignal,
) => Promise<"confirmed" | "refused" | "unconfirmed">;

export interface MemoryOutletOptions {
  readonly broker: MemoryBroker;
  readonly ladderMs: readonly number[];
  readonly transport?: PublishTransport;
  readonly isBlocked?: () => boolean;
  /** Events, replies and dead letters leave us here. */
  readonly onEvent: (event: ProgressEvent, routingKey: string) => void;
  readonly onReply: (event: ProgressEvent, queue: string, correlationId?: string) => void;
  readonly onDead: (messageId: string, reason: string, body: unknown) => void;
}

export const atOnce: PublishTransport = async (_label, accept, signal) =>
  !signal.aborted && accept() ? "confirmed" : "unconfirmed";

/**
 * Publishes into the in-memory broker, one message after the other, as the real outlet does and in the same words. Of
 * the three attempts of the real one there is one here: that a message comes twice is the transport's business.
 */
export function createMemoryOutlet(options: MemoryOutletOptions): Outlet {
  const { broker, transport = atOnce, isBlocked = () => broker.blocked } = options;
  const settings = { ...DEFAULT_AMQP_SETTINGS, delaysMs: options.ladderMs };
  const unlessBlocked = (take: () => void) => () => {
    if (isBlocked()) return false;
    take();
    return true;
  };

  function putInto(queue: string, content: Content): void {
    const { names, delaysMs } = settings;
    if (queue !== waitingDelayQueue(names, delaysMs)) {
      return broker.putDelayed(content, rungOf(settings, queue));
    }
    broker.putDelayed(content, longestOf(delaysMs), "work.waiting");
  }

  function take(message: Outgoing): void {
    switch (message.kind) {
      case "step": {
        const { order, step, state, revived } = message.envelope;
        const again = revived === 0 ? "" : `/revived/${revived}`;
        const publication = publicationOf(settings, message, broker.nowMs);
        const { routingKey, body, properties } = publication;
        const content: Content = {
          about: order.commandId,
          kind: "step",
          body,
          properties,
          label: `step ${step} ${state.phase}${again}`,
        };
        return putInto(routingKey, content);
      }
      case "event":
        return options.onEvent(message.event, publicationOf(settings, message).routingKey);
      case "reply":
        return options.onReply(message.event, message.queue, message.correlationId);
      case "operator":
        throw new Error("nobody publishes what people did here");
      case "dead":
        return options.onDead(message.messageId, message.reason, message.body);
    }
  }

  return {
    isBlocked,
    async publish(messages, signal) {
      for (const message of messages) {
        if (message.kind === "reply" && isOurs(settings, message.queue)) continue;
        const accept = unlessBlocked(() => take(message));
        const outcome = await transport(labelOf(message), accept, signal);
        if (outcome !== "confirmed") return outcome;
      }
      return "confirmed";
    },
    async republishArrival(raw, marks, signal) {
      const { routingKey, body, properties } = arrivalPublication(settings, raw, marks);
      const content: Content = {
        about: aboutOf(raw),
        kind: "arrival",
        body,
        properties,
        label: "arrival",
      };
      const accept = unlessBlocked(() => putInto(routingKey, content));
      const outcome = await transport("publish arrival", accept, signal);
      return outcome === "confirmed" ? outcome : "unconfirmed";
    },
    async passOn() {
      throw new Error("there is one version only here");
    },
  };
}

/** The delay of a delay queue; 0 for the work queue. */
function rungOf({ names }: AmqpSettings, queue: string): number {
  return queue === names.workQueue ? 0 : Number(queue.slice(names.delayPrefix.length));
}

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
    case "operator":
      return `publish operator ${message.event.data.action}`;
    case "dead":
      return "publish dead";
  }
}
