import { type Channel, type ChannelModel, type ConsumeMessage, connect } from "amqplib";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import {
  type Broker,
  type BrokerHandlers,
  createBroker,
} from "../../../src/adapters/amqp/broker.ts";
import { SupervisedConnection } from "../../../src/adapters/amqp/connection/connection.ts";
import type { Delivery, Disposition } from "../../../src/adapters/amqp/delivery.ts";
import type { Publisher } from "../../../src/adapters/amqp/publishing/publisher.ts";
import type { AmqpSettings, OnAmqpEvent } from "../../../src/adapters/amqp/settings.ts";
import { ProgressEvent } from "../../../src/contract/event.ts";
import type { Envelope } from "../../../src/core/state/envelope.ts";
import { DEFAULT_AMQP_SETTINGS } from "../../support/rabbitmq/amqp-settings.ts";
import { eventually } from "../../support/eventually.ts";
import { expectNoLeftovers } from "../../support/processes/leftovers.ts";
import {
  type PrivateRabbitMq,
  type RabbitMqOptions,
  startRabbitMq,
} from "../../support/rabbitmq/rabbitmq.ts";
import type { RabbitMqManagement, Vhost } from "../../support/rabbitmq/rabbitmq-management.ts";
import { sharedRabbitMq } from "../../support/services.ts";

/** Everything short, so that a test sees a time-out and a recovery within a second or two. */
export function testSettings(url: string, change: Partial<AmqpSettings> = {}): AmqpSettings {
  return {
    ...DEFAULT_AMQP_SETTINGS,
    urls: [url],
    delaysMs: [200, 400, 800],
    prefetch: 8,
    heartbeatSeconds: 1,
    connectTimeoutMs: 1_500,
    rpcTimeoutMs: 1_500,
    confirmTimeoutMs: 1_000,
    maxPendingConfirms: 16,
    probeIntervalMs: 200,
    reconnect: { initialMs: 50, maxMs: 400 },
    ...change,
  };
}

/** Another RabbitMQ than this machine's: the folder of a Debian that has it (see debian-root.ts). */
export const RABBITMQ: RabbitMqOptions =
  process.env.TEST_RABBITMQ_ROOT === undefined ? {} : { sysRoot: process.env.TEST_RABBITMQ_ROOT };

/** A RabbitMQ of its own for the file, for what the run's others must not feel; otherwise as `ownVhosts`. */
export function ownRabbitMq(change: Partial<AmqpSettings> = {}) {
  let rabbit: PrivateRabbitMq | undefined;
  beforeAll(async () => {
    rabbit = await startRabbitMq(RABBITMQ);
  });
  afterAll(async () => {
    await rabbit?.stop();
    await expectNoLeftovers();
  });
  return vhostsOf(() => {
    if (rabbit === undefined) throw new Error("asked before the broker was started");
    return rabbit;
  }, change);
}

/**
 * The run's RabbitMQ, and a vhost of it for each test. Called before the file sets hooks of its own: what those
 * opened is closed first.
 */
export function ownVhosts(change: Partial<AmqpSettings> = {}) {
  afterAll(expectNoLeftovers);
  return vhostsOf(sharedRabbitMq, change);
}

function vhostsOf<R extends RabbitMqManagement>(broker: () => R, change: Partial<AmqpSettings>) {
  let rabbit: R;
  let vhost: Vhost;
  beforeEach(async () => {
    rabbit = broker();
    vhost = await rabbit.newVhost();
  });
  afterEach(async () => {
    await vhost.remove();
  });
  return {
    get rabbit() {
      return rabbit;
    },
    get vhost() {
      return vhost;
    },
    get settings() {
      return testSettings(vhost.url, change);
    },
  };
}

export const NEVER = new AbortController().signal;

export interface EventLog {
  readonly onEvent: OnAmqpEvent;
  readonly lines: { level: string; message: string; fields: Readonly<Record<string, unknown>> }[];
  has(message: string): boolean;
}

export function eventLog(): EventLog {
  const lines: EventLog["lines"] = [];
  return {
    lines,
    onEvent: (level, message, fields) => void lines.push({ level, message, fields }),
    has: (message) => lines.some((line) => line.message === message),
  };
}

/** A connection that is open, with every channel that is opened on it. */
export async function openConnection(settings: AmqpSettings, onEvent: OnAmqpEvent) {
  const connection = new SupervisedConnection("test", settings, onEvent);
  connection.start();
  await eventually(() => connection.live !== undefined);
  const channels: Channel[] = [];
  const model = connection.live?.model as ChannelModel;
  const open = model.createChannel.bind(model);
  const openConfirm = model.createConfirmChannel.bind(model);
  model.createChannel = async (options) => keep(await open(options));
  model.createConfirmChannel = async (options) => keep(await openConfirm(options));
  const keep = <C extends Channel>(channel: C): C => {
    channels.push(channel);
    return channel;
  };
  return { connection, channels };
}

/** A connection of the test itself, to look at queues from outside. */
export async function openObserver(url: string) {
  const model = await connect(url, {});
  model.on("error", () => undefined);
  const channel = await model.createConfirmChannel();
  return {
    channel,
    async send(queue: string, body: string, options: Record<string, unknown> = {}) {
      channel.sendToQueue(queue, Buffer.from(body), { persistent: true, ...options });
      await channel.waitForConfirms();
    },
    /** Consumes with acks and collects. */
    async collect(queue: string): Promise<ConsumeMessage[]> {
      const seen: ConsumeMessage[] = [];
      await channel.consume(queue, (message) => {
        if (message === null) return;
        seen.push(message);
        channel.ack(message);
      });
      return seen;
    },
    close: () => model.close(),
  };
}

type Answer = (delivery: Delivery) => Disposition | Promise<Disposition>;

export interface RunningBroker {
  readonly broker: Broker;
  readonly log: EventLog;
  /** Everything that came, by where it came from. */
  readonly seen: Record<keyof BrokerHandlers, Delivery[]>;
  /** Ids of events that nobody has bound a queue for. */
  readonly unroutable: string[];
  readonly topology: { createdFresh: boolean }[];
  stop(): Promise<void>;
}

/** A broker adapter with handlers that note what comes and acknowledge it, unless they are told otherwise. */
export function startBroker(
  settings: AmqpSettings,
  answers: Partial<Record<keyof BrokerHandlers, Answer>> = {},
): RunningBroker {
  const log = eventLog();
  const seen: RunningBroker["seen"] = { commands: [], work: [], workWaiting: [], workDead: [] };
  const unroutable: string[] = [];
  const topology: { createdFresh: boolean }[] = [];
  const broker = createBroker(settings, {
    onEvent: log.onEvent,
    async around(message, publication, send) {
      const outcome = await send(publication);
      if (message.kind === "event" && outcome === "returned") unroutable.push(message.event.id);
      return outcome;
    },
    onTopology: (report) => void topology.push(report),
  });
  const handler = (from: keyof BrokerHandlers) => async (delivery: Delivery) => {
    seen[from].push(delivery);
    return (await answers[from]?.(delivery)) ?? "ack";
  };
  broker.start({
    commands: handler("commands"),
    work: handler("work"),
    workWaiting: handler("workWaiting"),
    workDead: handler("workDead"),
  });
  return {
    broker,
    log,
    seen,
    unroutable,
    topology,
    stop: () => broker.stop(AbortSignal.timeout(2_000)),
  };
}

/** True as soon as messages can be published; false when that did not come in time. */
export async function whenWritable(
  publisher: Pick<Publisher, "isBlocked">,
  timeoutMs: number,
): Promise<boolean> {
  return eventually(() => !publisher.isBlocked(), { timeoutMs, intervalMs: 5 }).catch(() => false);
}

export async function untilReady({ broker }: RunningBroker, timeoutMs = 30_000): Promise<void> {
  await eventually(() => broker.status().ready, { what: "a ready broker", timeoutMs });
}

export const PROJECT = "0123456789abcdef0123456789abcdef";
export const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";

export function anEvent(id: string, change: Record<string, unknown> = {}): ProgressEvent {
  return ProgressEvent.parse({
    specversion: "1.0",
    id,
    source: `/ecs-reinstall-worker/eu-west-0/${PROJECT}`,
    type: "ecs.reinstall.accepted.v1",
    subject: SERVER,
    time: "2026-11-23T14:20:00.000Z",
    datacontenttype: "application/json",
    data: {
      command_id: id.split("/")[0],
      project_id: PROJECT,
      server_id: SERVER,
      event: "accepted",
      sequence: 1,
    },
    ...change,
  });
}

export function anEnvelope(commandId: string, change: Partial<Envelope> = {}): Envelope {
  const order = {
    commandId,
    projectId: PROJECT,
    serverId: SERVER,
    contentHash: "c",
    wishHash: "w",
    onBusy: "join",
    dryRun: false,
    expiresAtMs: 2_000_000_000_000,
    receivedAtMs: 1_700_000_000_000,
  };
  const plain = {
    v: 1,
    order,
    step: 1,
    sequence: 1,
    epoch: "e",
    dueMs: 0,
    token: null,
    revived: 0,
    // The broker's side looks for nothing else in a state.
    state: { phase: "watch" },
  };
  return { ...(plain as unknown as Envelope), ...change };
}
