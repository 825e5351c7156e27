import { createHash } from "node:crypto";
import { type Attributes, type Link, type Span, SpanKind } from "@opentelemetry/api";
import { z } from "zod";
import { CommandId, ProjectId, ServerId } from "../../contract/ids.ts";
import type { Delivery, Disposition } from "../../steps/ports/outlet.ts";
import { parseTraceparent, traceHeaders } from "./tracing-traceparent.ts";
import type { Origin, SpanStart, Tracer } from "./tracing-tracer.ts";

/** A delivery, and what the broker knows of it besides. */
export interface TracedDelivery extends Delivery {
  readonly queue: string;
  readonly deliveryCount: number;
}

/**
 * A span for each delivery. Its parent is what the emitter's `traceparent` names: the order of a step carries it,
 * so every step, delay and redelivery is in the emitter's trace. A command without one gets ours, as if its emitter
 * had sent it, and so its steps and events carry it on.
 */
export function tracedDelivery<D extends TracedDelivery>(
  tracer: Tracer,
  stepType: string,
  take: (delivery: D) => Promise<Disposition>,
): (delivery: D) => Promise<Disposition> {
  return (delivery) => {
    const seen = delivery.type === stepType ? seenOfStep(delivery) : seenOfCommand(delivery);
    const { queue } = delivery;
    const start: SpanStart = {
      name: `process ${queue}`,
      kind: SpanKind.CONSUMER,
      links: seen.links,
      attributes: {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": queue,
        "messaging.message.id": delivery.messageId,
        "messaging.message.body.size": delivery.body.byteLength,
        "ecs.redelivered": delivery.redelivered,
        "ecs.delivery_count": delivery.deliveryCount,
        ...seen.attributes,
      },
    };
    return tracer.enter(start, seen.origin, async (span) => {
      const disposition = await take(seen.adopts ? adopted(delivery, span) : delivery);
      span?.setAttribute("ecs.disposition", disposition);
      return disposition;
    });
  };
}

interface Seen {
  readonly origin: Origin;
  readonly links: Link[];
  readonly attributes: Attributes;
  /** The emitter began no trace: this span does. */
  readonly adopts: boolean;
}

/** As much of an internal message as a span shows; the worker reads and judges it on its own. */
const StepHead = z.object({
  order: z.object({
    commandId: CommandId,
    projectId: ProjectId,
    serverId: ServerId,
    trace: z.object({ traceparent: z.string(), tracestate: z.string().optional() }).optional(),
  }),
  step: z.int(),
  state: z.object({
    phase: z.string().max(32),
    tries: z.object({ attempt: z.int() }).optional(),
  }),
});

function seenOfStep({ body, traceparent, tracestate }: TracedDelivery): Seen {
  const before = parseTraceparent(traceparent, tracestate);
  const head = StepHead.safeParse(jsonOf(body)).data;
  const trace = head?.order.trace;
  const parent = parseTraceparent(trace?.traceparent, trace?.tracestate);
  return {
    origin:
      parent === null
        ? { kind: "root", traceId: traceIdOf(head?.order.commandId) }
        : { kind: "within", parent },
    links: before === null ? [] : [{ context: before }],
    attributes: {
      "ecs.command_id": head?.order.commandId,
      "ecs.project_id": head?.order.projectId,
      "ecs.server_id": head?.order.serverId,
      "ecs.phase": head?.state.phase,
      "ecs.step": head?.step,
      "ecs.attempt": head?.state.tries?.attempt,
    },
    adopts: false,
  };
}

function seenOfCommand({ body, traceparent, tracestate, messageId }: TracedDelivery): Seen {
  const json = recordOf(jsonOf(body));
  const data = recordOf(json["data"]);
  const commandId = CommandId.safeParse(
    data["command_id"] ?? json["command_id"] ?? json["id"] ?? messageId,
  );
  const parent = parseTraceparent(traceparent, tracestate);
  return {
    origin:
      parent === null
        ? { kind: "root", traceId: traceIdOf(commandId.data) }
        : { kind: "within", parent },
    links: [],
    attributes: {
      "ecs.command_id": commandId.data,
      "ecs.project_id": ProjectId.safeParse(data["project_id"] ?? json["project_id"]).data,
      "ecs.server_id": ServerId.safeParse(data["server_id"] ?? json["server_id"]).data,
      "ecs.phase": "admit",
      "ecs.step": 0,
    },
    adopts: parent === null,
  };
}

/** Of the id alone: a command that is delivered again, to whichever worker, is one trace. */
function traceIdOf(commandId: string | undefined): string | null {
  if (commandId === undefined) return null;
  return createHash("sha256").update(`ecs-reinstall ${commandId}`).digest("hex").slice(0, 32);
}

/** The delivery as if its emitter had begun our trace. */
function adopted<D extends TracedDelivery>(delivery: D, span: Span | null): D {
  if (span === null) return delivery;
  const ours = traceHeaders(span.spanContext());
  // With the headers it waits, and comes again in the same trace.
  return { ...delivery, ...ours, headers: { ...delivery.headers, ...ours } };
}

function jsonOf(body: Buffer): unknown {
  if (body.byteLength > MAX_READ_BYTES) return null;
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return null;
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** Commands are at most half of it, and their steps little more than they. */
const MAX_READ_BYTES = 262_144;
