import type { BrokerHandlers } from "../adapters/amqp/broker.ts";
import type { Delivery, DeliveryHandler } from "../adapters/amqp/delivery.ts";
import {
  ARRIVAL_TYPE,
  ARRIVED_AT_HEADER,
  DOUBT_HEADER,
  PASSES_HEADER,
  UNSEEN_UNTIL_HEADER,
} from "../adapters/amqp/publications.ts";
import type { PutAside } from "../core/put-aside.ts";
import { type Phase, TRANSITIONS } from "../core/state.ts";
import type { QueueRole } from "../observe/labels.ts";
import type { Logger } from "../observe/logger.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Clock } from "../steps/ports/clock.ts";
import type { Delivery as PlainDelivery, Disposition } from "../steps/ports/outlet.ts";
import type { Worker } from "../worker.ts";

type Handler = (delivery: Delivery) => Promise<Disposition>;

export interface DeliveriesDeps {
  readonly worker: Worker;
  readonly commandsQueue: string;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Wraps each handler; as it is when nobody traces. */
  readonly traced: (handler: Handler) => Handler;
}

/** A message that makes us throw must not spin. */
const THROWN_PAUSE_MS = 1_000;

const CREDIBLE_AHEAD_MS = 60_000;
const CREDIBLE_AGE_MS = 30 * 86_400_000;

/** What is done with a delivery of each queue. Has the only catch-all of the process. */
export function createDeliveries(deps: DeliveriesDeps): BrokerHandlers {
  const { worker, metrics, logger, clock, signal, traced } = deps;

  /** A bug in a step is told, counted, and left to the queue's delivery limit. */
  function guarded(queue: QueueRole, untraced: Handler): DeliveryHandler {
    const take = traced(untraced);
    return async (delivery) => {
      const settled = metrics.delivery(queue, delivery.redelivered);
      if (queue === "commands") countWait(delivery);
      try {
        const disposition = await take(delivery);
        settled(disposition);
        return disposition;
      } catch (error) {
        logger.error({ err: error, queue, messageId: delivery.messageId }, "step threw");
        metrics.stepEnded(phaseOf(queue, delivery), "error", 0);
        settled("retry");
        await clock.sleep(THROWN_PAUSE_MS, signal);
        return "retry";
      }
    };
  }

  /** How long a command lay in its queue: seen at its first delivery, where the emitter says when it was sent. */
  function countWait({ redelivered, timestampMs }: Delivery): void {
    if (redelivered || timestampMs === undefined) return;
    const waitedMs = clock.nowMs() - timestampMs;
    // A stamp in other units than AMQP's seconds, or of a clock that is not set, says nothing.
    if (waitedMs < -CREDIBLE_AHEAD_MS || waitedMs > CREDIBLE_AGE_MS) return;
    metrics.queued(waitedMs / 1000);
  }

  const doors = doorsOf(worker, deps.commandsQueue);
  return {
    commands: guarded("commands", doors.commands),
    work: guarded("work", doors.work),
    workDead: guarded("work-dead", doors.workDead),
  };
}

type Door = (delivery: PlainDelivery) => Promise<Disposition>;

/** Which of the worker's doors a delivery of each queue goes through: its type and headers say. */
export function doorsOf(
  worker: Worker,
  commandsQueue: string,
): Readonly<Record<keyof BrokerHandlers, Door>> {
  return {
    commands: (delivery) => worker.takeCommand(delivery),
    work: (delivery) => takeWork(worker, delivery),
    workDead: (delivery) => takeDead(worker, commandsQueue, delivery),
  };
}

/** Of a delivery that made us throw: perhaps because of what is in it, so nothing is expected of it. */
function phaseOf(queue: QueueRole, { body }: Delivery): Phase | "admit" {
  if (queue === "commands") return "admit";
  try {
    const { state } = JSON.parse(body.toString("utf8")) as { state?: { phase?: unknown } };
    return PHASES.find((phase) => phase === state?.phase) ?? "admit";
  } catch {
    return "admit";
  }
}

const PHASES = Object.keys(TRANSITIONS) as readonly (Phase | "admit")[];

function takeWork(worker: Worker, delivery: PlainDelivery): Promise<Disposition> {
  if (delivery.type !== ARRIVAL_TYPE) return worker.takeStep(asPassedOn(delivery));
  return worker.takeCommand(delivery, marksOf(delivery));
}

function marksOf({ headers }: PlainDelivery): PutAside {
  const instant = (header: string) => {
    const value = headers[header];
    return typeof value === "number" ? value : null;
  };
  return {
    arrivedAtMs: instant(ARRIVED_AT_HEADER) ?? Date.now(),
    doubt: headers[DOUBT_HEADER] === true,
    // Without: an earlier version of us put it aside.
    unseenUntilMs: instant(UNSEEN_UNTIL_HEADER),
  };
}

/** A step that another worker passed on is a copy: it may have been delivered before. */
function asPassedOn(delivery: PlainDelivery): PlainDelivery {
  const { headers, redelivered } = delivery;
  return {
    ...delivery,
    redelivered: redelivered || headers[DOUBT_HEADER] === true,
    passes: Number(headers[PASSES_HEADER] ?? 0),
  };
}

/** What the broker gave up on comes from `commands` or from `work`; only the latter holds steps. */
function takeDead(
  worker: Worker,
  commandsQueue: string,
  delivery: PlainDelivery,
): Promise<Disposition> {
  const deaths = delivery.headers["x-death"];
  const origin: unknown = Array.isArray(deaths) ? deaths[0]?.queue : undefined;
  if (delivery.type === ARRIVAL_TYPE) {
    return worker.takeDead(delivery, "command", marksOf(delivery));
  }
  return origin === commandsQueue
    ? worker.takeDead(delivery, "command")
    : worker.takeDead(asPassedOn(delivery), "step");
}
