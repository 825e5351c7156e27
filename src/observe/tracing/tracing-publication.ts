import { type Attributes, type Span, type SpanContext, SpanKind } from "@opentelemetry/api";
import type { Outgoing } from "../../steps/ports/outlet.ts";
import { parseTraceparent, traceHeaders } from "./tracing-traceparent.ts";
import { fail, type SpanStart, type Tracer } from "./tracing-tracer.ts";

/** A message on its way to the broker, as far as a span shows it. */
export interface TracedPublication {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly properties: {
    readonly messageId?: string;
    readonly headers?: Readonly<Record<string, unknown>>;
  };
}

/**
 * A span around one publication, all its attempts included. A step carries this span's context in its headers, so
 * that its delivery can point back here. Other messages leave as they are: an event names its emitter's trace.
 */
export function tracedPublication<P extends TracedPublication, O extends string>(
  tracer: Tracer,
  message: TracedMessage,
  publication: P,
  send: (publication: P) => Promise<O>,
): Promise<O> {
  const start = startOf(message, publication);
  const work = async (span: Span | null) => {
    const outcome = await send(
      span === null || message.kind !== "step" ? publication : stamped(publication, span),
    );
    span?.setAttribute("ecs.publish.outcome", outcome);
    if (outcome !== "confirmed") fail(span, outcome);
    return outcome;
  };
  const parent = tracer.delivery() === null ? parentOf(message) : null;
  if (parent === null) return tracer.within(start, work);
  // The sweeper's: no delivery is being worked on, and yet this belongs to its command.
  return tracer.enter(start, { kind: "within", parent }, work);
}

/** What is published, as spans show it. */
export type TracedMessage = Outgoing | { readonly kind: "arrival" };

function parentOf(message: TracedMessage): SpanContext | null {
  switch (message.kind) {
    case "step": {
      const { trace } = message.envelope.order;
      return parseTraceparent(trace?.traceparent, trace?.tracestate);
    }
    case "event":
    case "reply":
      return parseTraceparent(message.event.traceparent, message.event.tracestate);
    case "operator":
    case "dead":
    case "arrival":
      return null;
  }
}

function startOf(
  message: TracedMessage,
  { exchange, routingKey, body, properties }: TracedPublication,
): SpanStart {
  // A reply's queue is its reader's own, often with a random name.
  const shown = message.kind === "reply" ? "reply" : exchange === "" ? routingKey : exchange;
  return {
    name: `send ${shown}`,
    kind: SpanKind.PRODUCER,
    attributes: {
      "messaging.system": "rabbitmq",
      "messaging.operation.name": "send",
      "messaging.operation.type": "send",
      "messaging.destination.name": exchange === "" ? routingKey : exchange,
      "messaging.rabbitmq.destination.routing_key": exchange === "" ? undefined : routingKey,
      "messaging.message.id": properties.messageId,
      "messaging.message.body.size": body.byteLength,
      "ecs.message": message.kind,
      ...detailsOf(message),
    },
  };
}

function detailsOf(message: TracedMessage): Attributes {
  switch (message.kind) {
    case "step":
      return { "ecs.phase": message.envelope.state.phase, "ecs.delay_ms": message.delayMs };
    case "event":
    case "reply":
      return { "ecs.event": message.event.data.event };
    case "operator":
      return { "ecs.event": `operator.${message.event.data.action}` };
    case "dead":
    case "arrival":
      return {};
  }
}

function stamped<P extends TracedPublication>(publication: P, span: Span): P {
  const { properties } = publication;
  const headers = { ...properties.headers, ...traceHeaders(span.spanContext()) };
  return { ...publication, properties: { ...properties, headers } };
}
