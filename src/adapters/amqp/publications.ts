import type { ProgressEvent } from "../../contract/event.ts";
import type { ArrivalMarks, Delivery, Outgoing } from "../../steps/ports/outlet.ts";
import type { Publication } from "./confirm-lane.ts";
import type { AmqpSettings } from "./settings.ts";
import { delayQueue, topologyOf } from "./topology.ts";

/** AMQP `type` of an internal message. */
export const STEP_TYPE = "ecs.reinstall.step.v1";
/** AMQP `type` of a raw command that was put aside. */
export const ARRIVAL_TYPE = "ecs.reinstall.arrival.v1";
export const DEAD_TYPE = "ecs.reinstall.dead.v1";
/** Epoch ms: when the command first came. */
export const ARRIVED_AT_HEADER = "x-ecs-arrived-at";
/** Boolean: it may have been carried out before. */
export const DOUBT_HEADER = "x-ecs-doubt";
/** Epoch ms: nobody can have taken it, or a copy of it, before. */
export const UNSEEN_UNTIL_HEADER = "x-ecs-unseen-until";
/** Number: how often an internal message was passed on by workers that do not understand it. */
export const PASSES_HEADER = "x-ecs-passes";

/** How one outgoing message looks on the wire. */
export function publicationOf(
  settings: AmqpSettings,
  message: Outgoing,
  nowMs = Date.now(),
): Publication {
  const { names } = settings;
  switch (message.kind) {
    case "step": {
      const { envelope, delayMs } = message;
      const again = envelope.revived === 0 ? "" : `/revived/${envelope.revived}`;
      return toQueue(rungFor(settings, delayMs), json(envelope), {
        messageId: `${envelope.order.commandId}/step/${envelope.step}${again}`,
        type: STEP_TYPE,
        contentType: "application/json",
        timestamp: seconds(nowMs),
      });
    }
    case "event":
      return {
        exchange: names.eventsExchange,
        routingKey: message.routingKey ?? routingKeyOf(message.event),
        ...cloudEvent(message.event),
      };
    case "reply": {
      const { body, properties } = cloudEvent(message.event);
      const { correlationId } = message;
      return toQueue(message.queue, body, {
        ...properties,
        ...(correlationId === undefined ? {} : { correlationId }),
      });
    }
    case "dead":
      return toQueue(names.deadQueue, json(message.body), {
        messageId: message.messageId.slice(0, MAX_SHORT_STRING),
        type: DEAD_TYPE,
        contentType: "application/json",
        timestamp: seconds(nowMs),
        headers: { "x-reason": message.reason.slice(0, MAX_REASON_CHARACTERS) },
      });
  }
}

export function arrivalPublication(
  settings: AmqpSettings,
  raw: Delivery,
  { delayMs, arrivedAtMs, doubt, unseenUntilMs }: ArrivalMarks,
): Publication {
  return againAs(ARRIVAL_TYPE, settings, raw, delayMs, {
    [ARRIVED_AT_HEADER]: arrivedAtMs,
    [DOUBT_HEADER]: doubt,
    [UNSEEN_UNTIL_HEADER]: unseenUntilMs ?? undefined,
  });
}

/** An internal message as it came, for a worker that understands it. */
export function passedOnPublication(
  settings: AmqpSettings,
  raw: Delivery,
  { delayMs, passes }: { readonly delayMs: number; readonly passes: number },
): Publication {
  return againAs(raw.type ?? STEP_TYPE, settings, raw, delayMs, {
    [PASSES_HEADER]: passes,
    [DOUBT_HEADER]: true,
  });
}

function againAs(
  type: string,
  settings: AmqpSettings,
  raw: Delivery,
  delayMs: number,
  marks: Readonly<Record<string, unknown>>,
): Publication {
  const { contentType, contentEncoding, messageId, correlationId, replyTo, timestampMs } = raw;
  return toQueue(rungFor(settings, delayMs), raw.body, {
    type,
    ...(messageId === undefined ? {} : { messageId }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(timestampMs === undefined ? {} : { timestamp: seconds(timestampMs) }),
    headers: { ...headersToKeep(raw.headers), ...marks },
  });
}

/** The queue for a wait: 0 goes straight to work, else the smallest rung that is long enough, else the longest. */
export function rungFor({ names, delaysMs }: AmqpSettings, delayMs: number): string {
  if (delayMs <= 0 || delaysMs.length === 0) return names.workQueue;
  const rising = [...delaysMs].sort((a, b) => a - b);
  const rung = rising.find((ms) => ms >= delayMs) ?? rising.at(-1) ?? 0;
  return delayQueue(names.delayPrefix, rung);
}

/** Would a message with this routing key on the default exchange land in a queue of ours? */
export function isOurs(settings: AmqpSettings, queue: string): boolean {
  const { workQueue, delayPrefix } = settings.names;
  if (queue.startsWith(delayPrefix) || queue.startsWith(workQueue)) return true;
  return topologyOf(settings).queues.some(({ name }) => name === queue);
}

function routingKeyOf({ data }: ProgressEvent): string {
  return `${data.project_id ?? "-"}.${data.server_id ?? "-"}.${data.event}`;
}

function cloudEvent(event: ProgressEvent) {
  return {
    body: json(event),
    properties: {
      messageId: event.id.slice(0, MAX_SHORT_STRING),
      type: event.type.slice(0, MAX_SHORT_STRING),
      contentType: "application/cloudevents+json",
      timestamp: seconds(Date.parse(event.time)),
    },
  };
}

function toQueue(queue: string, body: Buffer, properties: Publication["properties"]): Publication {
  return { exchange: "", routingKey: queue, body, properties };
}

/*
 * Not the broker's own notes: x-death would let it see a circle and drop the message. Nor CC and BCC: RabbitMQ sends
 * copies to the queues they name.
 */
function headersToKeep(headers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept = Object.entries(headers).filter(([name]) => !BROKER_HEADERS.test(name));
  // amqplib throws beyond 64 KiB, and what cannot be put aside could never be answered.
  if (JSON.stringify(kept).length <= MAX_HEADER_CHARACTERS) return Object.fromEntries(kept);
  return Object.fromEntries(
    kept.filter(
      ([name, value]) => READ_HEADERS.test(name) && JSON.stringify(value).length <= MAX_READ_HEADER,
    ),
  );
}

const BROKER_HEADERS =
  /^(x-death|x-(first|last)-death-.*|x-delivery-count|x-acquired-count|x-ecs-publish|cc|bcc)$/i;
/** What is read of a command's headers: without the id of a CloudEvent it would come back as another command. */
const READ_HEADERS =
  /^(traceparent|tracestate|compression|(cloudEvents[:_]|ce[-_])(specversion|id|source|type))$/i;
/** A longer one breaks its rule, here or there. */
const MAX_READ_HEADER = 2_048;
const MAX_HEADER_CHARACTERS = 16_384;
const MAX_REASON_CHARACTERS = 1_000;
const MAX_SHORT_STRING = 255;

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const seconds = (ms: number) => Math.floor(ms / 1_000);
