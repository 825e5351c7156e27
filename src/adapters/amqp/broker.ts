import { hostname } from "node:os";
import type { ProgressEvent } from "../../contract/event.ts";
import { type ConnectionStatus, SupervisedConnection } from "./connection.ts";
import { type ConsumerStatus, QueueConsumer } from "./consumer.ts";
import type { DeliveryHandler } from "./delivery.ts";
import {
  type AmqpOutlet,
  type AroundPublication,
  createOutlet,
  type PublicationKind,
  type ReplyEnd,
} from "./outlet.ts";
import { type PolicyReport, PolicyWatch } from "./policy-watch.ts";
import { messageSizeLimit } from "./message-size.ts";
import { Publisher, type PublishOutcome } from "./publisher.ts";
import { type QueueLengths, QueueLengthsProbe } from "./queue-lengths.ts";
import type { AmqpSettings, OnAmqpEvent } from "./settings.ts";
import type { TopologyProblem } from "./topology-declaration.ts";
import { TopologyKeeper } from "./topology-keeper.ts";
import { asError, manyMayListen } from "./waiting.ts";

export interface BrokerCallbacks {
  readonly onEvent: OnAmqpEvent;
  /**
   * The topology is there for the first time since start. Nothing is consumed before it resolves, or before the time
   * of a question to the broker has passed.
   */
  readonly onTopology?: (report: { readonly createdFresh: boolean }) => Promise<void> | void;
  /** An event that nobody has bound a queue for. */
  readonly onUnroutable?: (event: ProgressEvent) => void;
  /** Every single attempt to publish, with what came of it. */
  readonly onPublished?: (kind: PublicationKind, outcome: PublishOutcome, seconds: number) => void;
  readonly onReplyGivenUp?: (why: ReplyEnd) => void;
  readonly around?: AroundPublication | undefined;
  /** What is known of the policies over our queues, after each look. */
  readonly onPolicies?: (report: PolicyReport) => void;
}

export interface BrokerHandlers {
  readonly commands: DeliveryHandler;
  readonly work: DeliveryHandler;
  readonly workDead: DeliveryHandler;
}

export interface BrokerStatus {
  /** Consuming everywhere, messages can be published, and nothing is known to be missing. */
  readonly ready: boolean;
  /** Why the broker takes no messages, in its own words (`low on memory`); null: it did not say so. */
  readonly blockedBy: string | null;
  readonly connections: readonly ConnectionStatus[];
  readonly consumers: readonly ConsumerStatus[];
  /** What a person has to see to before this can work. */
  readonly topologyProblem: TopologyProblem | null;
  /** Policies over our queues; those that are refused keep the worker from being ready. */
  readonly policies: PolicyReport;
  readonly lastError: string | null;
}

export interface Broker {
  readonly outlet: AmqpOutlet;
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
  /** True as soon as messages can be published; false when that did not come in time. */
  whenWritable(signal: AbortSignal, timeoutMs: number): Promise<boolean>;
}

/** RabbitMQ as the worker sees it: two connections, a publisher, three consumers, and the topology under them. */
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
  });
  const onMissing = () => {
    keeper.doubt();
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
      onMissing: () => keeper.doubt(),
    });

  /** Never rejects: it is advice to whoever runs the broker. */
  async function lookAtMessageSize(): Promise<void> {
    const writable = () => publishing.live !== undefined && !publisher.isBlocked();
    if (!(await publishing.changed.until(writable, stopping.signal))) return;
    const model = publishing.live?.model;
    if (model === undefined) return;
    try {
      const nowhere = `${names.workQueue}.probe`;
      const limitBytes = await messageSizeLimit(model, nowhere, settings.rpcTimeoutMs);
      if (limitBytes === null) onEvent("warn", TAKES_TOO_LONG, {});
      else onEvent("info", "broker limits messages", { maxMessageSize: limitBytes });
    } catch (error) {
      onEvent("debug", "the broker's limit of messages is not known", {
        error: asError(error).message,
      });
    }
  }

  function status(): BrokerStatus {
    const connections = [consuming.status(), publishing.status()];
    const seen = consumers.map((consumer) => consumer.status());
    const blockedBy = connections.find((one) => one.blockedBy !== null)?.blockedBy ?? null;
    const consumingAll = seen.length > 0 && seen.every((consumer) => consumer.consuming);
    const topologyProblem = keeper.problem;
    const refused = policies.report.objections.filter((objection) => objection.refused);
    const errors = [
      topologyProblem?.message,
      ...connections.map(({ lastError }) => lastError),
      ...seen.map(({ lastError }) => lastError),
      publisher.lastError,
      refused.length === 0 ? null : refused.map(({ message }) => message).join("; "),
    ];
    return {
      ready:
        consumingAll && !publisher.isBlocked() && topologyProblem === null && refused.length === 0,
      blockedBy,
      connections,
      consumers: seen,
      topologyProblem,
      policies: policies.report,
      lastError: errors.find((error) => typeof error === "string") ?? null,
    };
  }

  return {
    outlet,
    status,
    queueLengths: () => lengths.ask(),
    renew() {
      consuming.renew();
      publishing.renew();
    },
    whenWritable: (signal, timeoutMs) => publisher.whenWritable(signal, timeoutMs),

    start(handlers) {
      if (stopped) return;
      if (consumers.length > 0) throw new Error("the broker was started already");
      consumers = [
        consumerOf(names.workQueue, handlers.work, prefetch),
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
      void lookAtMessageSize();
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

const TAKES_TOO_LONG =
  "broker takes messages of several MiB, and each is read whole: set max_message_size";

/** What the broker gave up on is rare, and none of it is urgent. */
const WORK_DEAD_PREFETCH = 4;
