import type { ProgressEvent } from "../../../contract/event.ts";
import type { OperatorEvent } from "../../../contract/operator-event.ts";
import { waitsInCrowd } from "../../../core/waiting/crowd.ts";
import { DEAD_TYPE } from "../../../core/messages/dead-letter.ts";
import { type Envelope, recordIdOf } from "../../../core/state/envelope.ts";
import type { ArrivalMarks, Delivery, Outgoing } from "../../../steps/ports/outlet.ts";
import type { Publication } from "./confirm-lane.ts";
import { isCarriable, isShortText, shortText } from "../carriable.ts";
import { ARRIVAL_TYPE, arrivalHeaders, passedOnHeaders, STEP_TYPE } from "../marks.ts";
import type { AmqpSettings } from "../settings.ts";
import { delayQueue, topologyOf, waitingDelayQueue } from "../topology/topology.ts";

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
      return toQueue(queueOfStep(settings, envelope, delayMs), json(envelope), {
        messageId: `${recordIdOf(envelope.order.commandId, envelope.state.phase)}/step/${envelope.step}${again}`,
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
    case "operator":
      return {
        exchange: names.eventsExchange,
        routingKey: `operator.${message.event.data.action}`,
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
        messageId: shortText(message.messageId),
        type: DEAD_TYPE,
        contentType: "application/json",
        timestamp: seconds(nowMs),
        headers: { "x-reason": message.reason.slice(0, MAX_REASON_CHARACTERS) },
      });
  }
}

/** A raw command byte for byte, for a delay queue. */
export function arrivalPublication(
  settings: AmqpSettings,
  raw: Delivery,
  marks: ArrivalMarks,
): Publication {
  const again = { ...raw, type: ARRIVAL_TYPE };
  return againWith(arrivalHeaders(marks, raw.origin), settings, again, marks.delayMs);
}

/** An internal message as it arrived, for a worker that understands it. */
export function passedOnPublication(
  settings: AmqpSettings,
  raw: Delivery,
  { delayMs, passes }: { readonly delayMs: number; readonly passes: number },
): Publication {
  const again = { ...raw, type: raw.type ?? STEP_TYPE };
  return againWith(passedOnHeaders(passes), settings, again, delayMs);
}

/** To a queue that does not exist: it is returned, and leaves nothing behind. Its confirm says that the broker takes messages. */
export function probePublication({ names }: AmqpSettings): Publication {
  return toQueue(`${names.workQueue}.probe`, Buffer.alloc(0), {
    messageId: "probe",
    type: "ecs.reinstall.probe.v1",
  });
}

function againWith(
  marks: Readonly<Record<string, unknown>>,
  settings: AmqpSettings,
  raw: Delivery & { readonly type: string },
  delayMs: number,
): Publication {
  const { type, contentType, contentEncoding, messageId, correlationId, replyTo, timestampMs } =
    raw;
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

function queueOfStep(settings: AmqpSettings, { state }: Envelope, delayMs: number): string {
  const { names, delaysMs } = settings;
  if (!waitsInCrowd(state, delayMs, delaysMs)) return rungFor(settings, delayMs);
  return waitingDelayQueue(names, delaysMs);
}

/**
 * The queue for a wait: 0 goes straight to work, else the smallest rung that is long enough, else the longest.
 *
 * @internal
 */
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

function cloudEvent(event: ProgressEvent | OperatorEvent) {
  return {
    body: json(event),
    properties: {
      messageId: shortText(event.id),
      type: shortText(event.type),
      contentType: "application/cloudevents+json",
      timestamp: seconds(Date.parse(event.time)),
    },
  };
}

function toQueue(queue: string, body: Buffer, properties: Publication["properties"]): Publication {
  return { exchange: "", routingKey: queue, body, properties };
}

/**
 * What of a message's headers goes on with it. Not the broker's own notes: x-death would let it see a circle and drop
 * the message. Nor CC and BCC: RabbitMQ sends copies to the queues they name.
 */
export function headersToKeep(headers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept = Object.entries(headers).filter(
    ([name, value]) => !BROKER_HEADERS.test(name) && isShortText(name) && isCarriable(value),
  );
  // amqplib throws beyond 64 KiB, and what cannot be deferred could never be answered.
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

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const seconds = (ms: number) => Math.floor(ms / 1_000);
