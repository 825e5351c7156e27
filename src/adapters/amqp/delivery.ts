import { RETURNED } from "../../core/messages/dead-letter.ts";
import type { Delivery as PlainDelivery } from "../../steps/ports/outlet.ts";
import { originOf } from "./origin.ts";
import { isShortText } from "./carriable.ts";
import type { RawMessage } from "./raw-message.ts";
import { deathOf, MAX_SECONDS } from "./x-death.ts";

/** A message as the broker brought it, with what only this room asks of it. */
export interface Delivery extends PlainDelivery {
  readonly queue: string;
  /** Of the body as it arrived; `body` may be no more than its beginning. */
  readonly bytes: number;
  /** How often it was delivered in vain, as far as the queue knows. */
  readonly deliveryCount: number;
}

/**
 * How a delivery is settled with the broker: done, not now (again after a pause that grows), or failed (the same, and
 * counted towards the queue's delivery limit by every version of RabbitMQ).
 */
export type Disposition = "ack" | "requeue" | "retry";

/** Takes one delivery and says how it is settled. A handler that rejects counts as `retry`. */
export type DeliveryHandler = (delivery: Delivery) => Promise<Disposition>;

/**
 * Nothing of ours is longer: a command has 128 KiB at most, and a step holds one. Of a longer message the beginning is
 * kept, enough to refuse it by; the rest would be held for as long as it is in hand, once for each message of the
 * prefetch, and once more for each copy that is deferred.
 */
const MAX_KEPT_BYTES = 1_048_576;

/** What arrived, in the words of the steps; properties that have another type than they should count as absent. */
export function deliveryOf(queue: string, message: RawMessage): Delivery {
  const { content, fields, properties } = message;
  const headers = properties.headers ?? {};
  const death = deathOf(headers);
  return {
    queue,
    body:
      content.length > MAX_KEPT_BYTES ? Buffer.from(content.subarray(0, MAX_KEPT_BYTES)) : content,
    bytes: content.length,
    contentType: text(properties.contentType),
    contentEncoding: text(properties.contentEncoding),
    messageId: text(properties.messageId),
    type: text(properties.type),
    timestampMs: stampMs(properties.timestamp),
    replyTo: text(properties.replyTo),
    correlationId: text(properties.correlationId),
    userId: text(properties.userId),
    headers,
    traceparent: traceText(headers["traceparent"]),
    tracestate: traceText(headers["tracestate"]),
    // Whoever returned a dead letter does not know how far it was when it died.
    redelivered: fields.redelivered || headers[RETURNED] !== undefined,
    origin: originOf(queue, message),
    ...(death === null ? {} : { death }),
    // From RabbitMQ 4.3 on the first counts failures only, and the second every delivery.
    deliveryCount: Math.max(count(headers["x-delivery-count"]), count(headers["x-acquired-count"])),
  };
}

/**
 * An empty property says no more than an absent one. One that was not UTF-8 grows by being read: what is longer than AMQP
 * can carry could be neither answered with nor deferred.
 */
function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" && isShortText(value) ? value : undefined;
}

/** AMQP counts seconds without a sign. Clients write what lies before 1970 as two's complement: a time that was never set. */
function stampMs(seconds: unknown): number | undefined {
  if (typeof seconds !== "number") return undefined;
  return seconds >= 2 ** 63 ? 0 : Math.min(seconds, MAX_SECONDS) * 1_000;
}

/** W3C Trace Context asks to carry on 512 characters of a `tracestate`; a `traceparent` has 55. */
function traceText(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= 512 ? value : undefined;
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
