import { type Broker, createBroker } from "../adapters/amqp/broker.ts";
import type { AmqpSettings } from "../adapters/amqp/settings.ts";
import { openFirstEpoch } from "../adapters/redis/first-epoch.ts";
import { watchForChange } from "../config/rotation.ts";
import type { InHand } from "../observe/in-hand.ts";
import type { Worker } from "../worker.ts";
import { createDeliveries } from "./deliveries.ts";
import type { WorkLag } from "../steps/work-lag.ts";
import type { Ground } from "./ground.ts";
import type { Part } from "./lifecycle.ts";
import { amqpSecrets } from "./settings.ts";
import type { Stores } from "./stores.ts";

/** RabbitMQ, shown to whoever watches. Nothing is consumed before `consume` is started. */
export function createWatchedBroker(
  { projects, clock, metrics, tracing, report, signal }: Ground,
  { scripts }: Stores,
  amqp: AmqpSettings,
  onTopology: (report: { readonly createdFresh: boolean }) => void,
): Broker {
  return createBroker(amqp, {
    onEvent: report,
    nowMs: () => clock.nowMs(),
    onPublished: (kind, outcome, seconds) => metrics.published(kind, outcome, seconds),
    onReplyGivenUp: (why) => metrics.replyGivenUp(why),
    onPolicies: (policies) => metrics.queuePolicies(policies),
    around: tracing?.publication,
    // Not waited for: a Redis that is away must not keep the broker's topology waiting.
    onTopology({ createdFresh }) {
      onTopology({ createdFresh });
      if (createdFresh) void openFirstEpoch(scripts, projects, clock, signal);
    },
  });
}

/** Who takes the deliveries, and who is informed of them. */
interface Consuming {
  readonly worker: Worker;
  readonly inHand: InHand;
  readonly workLag: WorkLag;
  readonly waitingLag: WorkLag;
}

/** Hands deliveries to the worker; on stopping, those in hand end before it resolves, or the hard stop ends them. */
export function consume(
  ground: Ground,
  broker: Broker,
  { worker, inHand, workLag, waitingLag }: Consuming,
): Part {
  const { config, clock, metrics, logger, tracing, signal } = ground;
  const { commandsQueue } = config.amqp.names;
  return {
    start() {
      broker.start(
        createDeliveries({
          worker,
          metrics,
          logger,
          inHand,
          clock,
          workLag,
          waitingLag,
          commandsQueue,
          signal,
          traced: (handler) => tracing?.delivery(handler) ?? handler,
        }),
      );
    },
    stop: () => broker.stop(signal),
  };
}

/** Moves over to new connections when the broker's address, user or TLS files change. */
export function renewWhenChanged({ logger }: Ground, broker: Broker, amqp: AmqpSettings): Part {
  let end = () => {};
  return {
    start() {
      end = watchForChange(
        () => amqpSecrets(amqp),
        () => {
          logger.info("the broker's address, user or TLS files have changed");
          broker.renew();
        },
      );
    },
    stop: () => end(),
  };
}
