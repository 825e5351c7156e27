import type { ConsumeMessage } from "amqplib";

/** A message as the broker brought it. `undefined`: that property was not set. */
export interface Delivery {
  readonly queue: string;
  readonly body: Buffer;
  /** Of the body. */
  readonly bytes: number;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly messageId: string | undefined;
  readonly type: string | undefined;
  /** Epoch ms; AMQP itself counts whole seconds. */
  readonly timestampMs: number | undefined;
  readonly replyTo: string | undefined;
  readonly correlationId: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  /** It may have been delivered before, to us or to another worker. False is no proof of the contrary. */
  readonly redelivered: boolean;
  /** How often the queue counted it as delivered in vain. */
  readonly deliveryCount: number;
}

/** What the broker is told about a delivery: done, not now (again after a pause that grows), or never again. */
export type Disposition = "ack" | "requeue" | "dead-letter";

export type DeliveryHandler = (delivery: Delivery) => Promise<Disposition>;

export function deliveryOf(queue: string, message: ConsumeMessage): Delivery {
  const { content, fields, properties } = message;
  const headers = properties.headers ?? {};
  return {
    queue,
    body: content,
    bytes: content.length,
    contentType: text(properties.contentType),
    contentEncoding: text(properties.contentEncoding),
    messageId: text(properties.messageId),
    type: text(properties.type),
    timestampMs:
      typeof properties.timestamp === "number" ? properties.timestamp * 1_000 : undefined,
    replyTo: text(properties.replyTo),
    correlationId: text(properties.correlationId),
    headers,
    redelivered: fields.redelivered,
    deliveryCount: count(headers["x-delivery-count"]),
  };
}

/** An empty property says no more than an absent one. */
function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
