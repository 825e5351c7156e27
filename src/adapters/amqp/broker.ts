import { hostname } from "node:os";
import type { PublicationKind, ReplyEnd } from "../../contract/labels.ts";
import { crowdPrefetch } from "../../core/waiting/crowd.ts";
import type { Outlet } from "../../steps/ports/outlet.ts";
import { type BrokerStatus, brokerStatus } from "./broker-status.ts";
import { SupervisedConnection } from "./connection/connection.ts";
import { QueueConsumer } from "./consumer.ts";
import type { DeliveryHandler } from "./delivery.ts";
import { createOutlet } from "./publishing/outlet.ts";
import type { AroundPublication } from "./publishing/outlet-options.ts";
import { type PolicyReport, PolicyWatch } from "./topology/policy-watch.ts";
import { reportMessageSize } from "./message-size.ts";
import { Publisher, type PublishOutcome } from "./publishing/publisher.ts";
import { type QueueLengths, QueueLengthsProbe } from "./topology/queue-lengths.ts";
import type { AmqpSettings, OnAmqpEvent } from "./settings.ts";
import { waitingQueue } from "./topology/topology.ts";
import { TopologyKeeper } from "./topology/topology-keeper.ts";
import { manyMayListen } from "../time-limits.ts";

/** Whom the broker informs of what happens. */
export interface BrokerCallbacks {
  readonly onEvent: OnAmqpEvent;
  /** The time that the worker goes by. Default: the machine's. */
  readonly nowMs?: () => number;
  /**
   * The topology is there for the first time since start. Nothing is consumed before it resolves, or before the time
   * of a question to the broker has passed.
   */
  readonly onTopology?: (report: { readonly createdFresh: boolean }) => Promise<void> | void;
  /** Every single attempt to publish, with its result. */
  readonly onPublished?: (kind: PublicationKind, outcome: PublishOutcome, seconds: number) => void;
  readonly onReplyGivenUp?: (why: ReplyEnd) => void;
  readonly around?: AroundPublication | undefined;
  /** What is known of the policies over our queues, after each look. */
  readonly onPolicies?: (report: PolicyReport) => void;
}

/** What is done with the deliveries of each queue. */
export interface BrokerHandlers {
  readonly commands: DeliveryHandler;
  readonly work: DeliveryHandler;
  readonly workWaiting: DeliveryHandler;
  readonly workDead: DeliveryHandler;
}

/** RabbitMQ as the worker sees it. */
export interface Broker {
  readonly outlet: Outlet;
  /** Returns at once; a broker that is away is waited for. Once only. */
  start(handlers: BrokerHandlers): void;
  /**
   * Takes no more deliveries, lets the handlers end until the signal is aborted, then closes everything. May come
   * first, or twice. Bounded by the signal and a few seconds.
   */
  stop(signal: AbortSignal): Promise<void>;
  /** Passwords or certificates have changed: moves over to connections that use them, and loses nothing in hand. */
  renew(): void;
  status(): BrokerStatus;
  /** Messages that are ready in our queues; null: the broker is away, or a queue is missing. */
  queueLengths(): Promise<QueueLengths | null>;
}

/** RabbitMQ as the worker sees it: two connections, a publisher, four consumers, and the topology under them. */
export function createBroker(settings: AmqpSettings, callbacks: BrokerCallbacks): Broker {
  const { onEvent } = callbacks;
  const { names, prefetch } = settings;
  const nameOf = (purpose: string) =>
    `ecs-reinstall-worker ${purpose} ${hostname()} ${process.pid}`;
  const consuming = new SupervisedConnection(nameOf("consume"), settings, onEvent);
  const publishing = new SupervisedConnection(nameOf("publish"), settings, onEvent);
  const keeper = new TopologyKeeper({
    connection: consuming,
    settings,
    onEvent,
    onFirstReady: (report) => callbacks.onTopology?.(report),
    onLooked: (queue, state, askedMs) =>
      consumers.find((one) => one.queue === queue)?.compare(state, askedMs),
  });
  const onMissing = () => {
    keeper.forget();
    // Not waited for: whoever publishes tries again, and finds it there or not.
    keeper.ensure().catch(() => undefined);
  };
  const forPublishing = { connection: publishing, settings, onEvent, onMissing };
  const publisher = new Publisher({ ...forPublishing, name: "publisher" });
  // Half of the time for its turn and half for the answer: the other messages of a step have as long again.
  const confirmTimeoutMs = settings.confirmTimeoutMs / 2;
  const replyPublisher = new Publisher({
    ...forPublishing,
    name: "reply publisher",
    settings: { ...settings, confirmTimeoutMs },
  });
  const outlet = createOutlet({ ...callbacks, publisher, replyPublisher, settings, onMissing });
  const lengths = new QueueLengthsProbe({ connection: consuming, settings, onEvent });
  const policies = new PolicyWatch(settings, onEvent, callbacks.onPolicies);
  const stopping = new AbortController();
  manyMayListen(stopping.signal);
  let consumers: readonly QueueConsumer[] = [];
  let stopped = false;

  const consumerOf = (queue: string, handler: DeliveryHandler, most: number) =>
    new QueueConsumer({
      queue,
      prefetch: most,
      connection: consuming,
      settings,
      handler,
      onEvent,
      ensureTopology: () => keeper.ensure(),
      onMissing: () => keeper.forget(),
    });

  return {
    outlet,
    status: () =>
      brokerStatus({
        connections: [consuming.status(), publishing.status()],
        consumers: consumers.map((consumer) => consumer.status()),
        publisher,
        topologyProblem: keeper.problem,
        policies: policies.report,
      }),
    queueLengths: () => lengths.ask(),
    renew() {
      consuming.renew();
      publishing.renew();
    },

    start(handlers) {
      if (stopped) return;
      if (consumers.length > 0) throw new Error("the broker was started already");
      consumers = [
        consumerOf(names.workQueue, handlers.work, prefetch),
        consumerOf(waitingQueue(names), handlers.workWaiting, crowdPrefetch(prefetch)),
        consumerOf(names.commandsQueue, handlers.commands, prefetch),
        consumerOf(names.workDeadQueue, handlers.workDead, Math.min(prefetch, WORK_DEAD_PREFETCH)),
      ];
      publishing.start();
      publisher.start();
      replyPublisher.start();
      consuming.start();
      for (const consumer of consumers) consumer.start();
      lengths.start();
      keeper.start();
      policies.start();
      void reportMessageSize({ publisher, publishing, settings, onEvent }, stopping.signal);
    },

    async stop(signal) {
      stopped = true;
      stopping.abort();
      // Consumers first: what their handlers end with still has to be published.
      await Promise.all(consumers.map((consumer) => consumer.stop(signal)));
      await Promise.all([
        replyPublisher.stop(),
        publisher.stop(),
        lengths.stop(),
        keeper.stop(),
        policies.stop(),
      ]);
      await Promise.all([consuming.stop(), publishing.stop()]);
    },
  };
}

/** What the broker gave up on is rare, and none of it is urgent. */
const WORK_DEAD_PREFETCH = 4;
