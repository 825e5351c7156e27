import type { BrokerHandlers } from "../adapters/amqp/broker.ts";
import type { Delivery, DeliveryHandler } from "../adapters/amqp/delivery.ts";
import { arrivalOf, asPassedOn } from "../adapters/amqp/marks.ts";
import { queueOfDeath } from "../adapters/amqp/x-death.ts";
import type { Phase } from "../core/state/state.ts";
import { TRANSITIONS } from "../core/state/transitions.ts";
import type { QueueRole } from "../contract/labels.ts";
import type { InHand } from "../observe/in-hand.ts";
import type { Logger } from "../observe/logging/logger.ts";
import type { Metrics } from "../observe/metrics/metrics.ts";
import type { Clock } from "../steps/ports/clock.ts";
import type { WorkLag } from "../steps/work-lag.ts";
import type { Delivery as PlainDelivery, Disposition } from "../steps/ports/outlet.ts";
import type { Worker } from "../worker.ts";

type Handler = (delivery: Delivery) => Promise<Disposition>;

/** Who takes the deliveries, and who counts and traces them. */
export interface DeliveriesDeps {
  readonly worker: Worker;
  readonly commandsQueue: string;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Informed when each delivery is taken, and when its step has ended. */
  readonly inHand: Pick<InHand, "taken">;
  readonly clock: Clock;
  /** Learns when what is taken from the work queue had entered it. */
  readonly workLag: Pick<WorkLag, "took">;
  /** The same of the queue of those who wait in a crowd. */
  readonly waitingLag: Pick<WorkLag, "took">;
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
  const { worker, metrics, logger, inHand, clock, workLag, waitingLag, signal, traced } = deps;

  /** A bug in a step is logged, counted, and left to the queue's delivery limit. */
  function guarded(queue: QueueRole, untraced: Handler): DeliveryHandler {
    const take = traced(untraced);
    return async (delivery) => {
      const settled = metrics.delivery(queue, delivery.redelivered);
      const ended = inHand.taken(queue, delivery.messageId);
      if (queue === "commands") countWait(delivery);
      if (queue === "work") noteLag(delivery, workLag);
      if (queue === "work-waiting") noteLag(delivery, waitingLag);
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
      } finally {
        ended();
      }
    };
  }

  /** It left its delay queue then, or was published straight to this one. What is redelivered has been in somebody's hand since. */
  function noteLag(
    { redelivered, death, timestampMs }: Delivery,
    lag: Pick<WorkLag, "took">,
  ): void {
    const enteredMs = death?.atMs ?? timestampMs;
    if (!redelivered && enteredMs !== undefined) lag.took(enteredMs);
  }

  /** How long a command lay in its queue: seen at its first delivery, where the emitter says when it was sent. */
  function countWait({ redelivered, timestampMs }: Delivery): void {
    if (redelivered || timestampMs === undefined) return;
    const waitedMs = clock.nowMs() - timestampMs;
    // A stamp in other units than AMQP's seconds, or of a clock that is not set, says nothing.
    if (waitedMs < -CREDIBLE_AHEAD_MS || waitedMs > CREDIBLE_AGE_MS) return;
    metrics.queued(waitedMs / 1000);
  }

  const routes = routesOf(worker, deps.commandsQueue);
  return {
    commands: guarded("commands", routes.commands),
    work: guarded("work", routes.work),
    workWaiting: guarded("work-waiting", routes.workWaiting),
    workDead: guarded("work-dead", routes.workDead),
  };
}

type Route = (delivery: PlainDelivery) => Promise<Disposition>;

/**
 * Which of the worker's methods takes a delivery of each queue: its type and headers say.
 *
 * @internal
 */
export function routesOf(
  worker: Worker,
  commandsQueue: string,
): Readonly<Record<keyof BrokerHandlers, Route>> {
  const work: Route = (delivery) => {
    const arrival = arrivalOf(delivery);
    if (arrival !== null) return worker.takeCommand(delivery, arrival);
    return worker.takeStep(asPassedOn(delivery));
  };
  return {
    commands: (delivery) => worker.takeCommand(delivery),
    work,
    workWaiting: work,
    /** What the broker gave up on comes from `commands` or from one of the work queues; only these hold steps. */
    workDead(delivery) {
      // Straight from there, it is an emitter's own: whatever it says of how it waited, we did not write that.
      if (queueOfDeath(delivery) === commandsQueue) return worker.takeDead(delivery, "command");
      const arrival = arrivalOf(delivery);
      if (arrival !== null) return worker.takeDead(delivery, "command", arrival);
      return worker.takeDead(asPassedOn(delivery), "step");
    },
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
