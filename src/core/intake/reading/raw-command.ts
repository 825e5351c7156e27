import type { MessageProperties } from "./media.ts";
import type { Origin } from "../origin.ts";

/** A message of the command queue as it arrived, properties included. */
export interface RawCommand extends MessageProperties {
  readonly body: Buffer;
  readonly messageId?: string | undefined;
  /** AMQP `timestamp`, epoch milliseconds. */
  readonly timestampMs?: number | undefined;
  readonly replyTo?: string | undefined;
  readonly correlationId?: string | undefined;
  /** The broker user who sent it, where the broker has checked that; never what a message says of itself. */
  readonly sender?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  readonly origin?: Origin | undefined;
}
