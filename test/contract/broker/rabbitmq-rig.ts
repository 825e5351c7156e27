import { afterAll, beforeAll } from "vitest";
import { SupervisedConnection } from "../../../src/adapters/amqp/connection/connection.ts";
import { createOutlet } from "../../../src/adapters/amqp/publishing/outlet.ts";
import { Publisher } from "../../../src/adapters/amqp/publishing/publisher.ts";
import type { AmqpSettings } from "../../../src/adapters/amqp/settings.ts";
import { topologyOf, waitingQueue } from "../../../src/adapters/amqp/topology/topology.ts";
import { routesOf } from "../../../src/composition/deliveries.ts";
import { eventually } from "../../support/eventually.ts";
import { type FlakyProxy, startFlakyProxy } from "../../support/network/flaky-proxy.ts";
import { expectNoLeftovers } from "../../support/processes/leftovers.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../../support/rabbitmq/rabbitmq.ts";
import { sharedRabbitMq } from "../../support/services.ts";
import {
  eventLog,
  NEVER,
  openObserver,
  RABBITMQ,
  startBroker,
  testSettings,
  untilReady,
  whenWritable,
} from "../amqp/rig.ts";
import { type Answer, createHands } from "./hands.ts";
import { ASKER, type BrokerRig, LADDER_MS, type Left, type RigOptions, type Taker } from "./rig.ts";

type Observer = Awaited<ReturnType<typeof openObserver>>;

/** The adapter on the run's RabbitMQ, each test in a vhost of its own: no alarm, and nobody kills it. */
export function rabbitMqRigs() {
  afterAll(expectNoLeftovers);
  return rigsOn(sharedRabbitMq, () => {
    throw new Error("the run's broker stays as it is: use rabbitMqRigsOfTheirOwn");
  });
}

/** The same on a RabbitMQ of the file's own, which may be killed and blocked. */
export function rabbitMqRigsOfTheirOwn() {
  let rabbit: PrivateRabbitMq | undefined;
  beforeAll(async () => {
    rabbit = await startRabbitMq(RABBITMQ);
  });
  afterAll(async () => {
    await rabbit?.stop();
    await expectNoLeftovers();
  });
  const own = () => {
    if (rabbit === undefined) throw new Error("asked before the broker was started");
    return rabbit;
  };
  return rigsOn(own, own);
}

/** `disturbed`: the same broker for who may kill and block it. */
function rigsOn(
  broker: () => Pick<PrivateRabbitMq, "newVhost" | "port">,
  disturbed: () => Pick<PrivateRabbitMq, "setMemoryAlarm" | "kill" | "start">,
) {
  return async (options: RigOptions = {}): Promise<BrokerRig> => {
    const rabbit = broker();
    const vhost = await rabbit.newVhost();
    const settings = testSettings(vhost.url, {
      delaysMs: LADDER_MS,
      // Declared by the rig, with the limit that the test asks for.
      declare: false,
      reconnect: { initialMs: 10, maxMs: 50 },
    });
    const observer = await openObserver(vhost.url);
    const declaredMs = performance.now();
    await declare(observer, settings, options);
    const left = await listen(observer, settings);
    const publishing = await openOutlet(settings);
    const takers = new Set<Connected>();
    let alarm = false;

    return {
      outlet: publishing.outlet,
      left,
      nowMs: () => performance.now(),
      async until(holds, what) {
        await eventually(holds, { what, intervalMs: 5, timeoutMs: 30_000 });
      },
      async connect({ prefetch = 4, answer } = {}) {
        const taker = await connect({ ...settings, prefetch }, rabbit.port, answer);
        takers.add(taker);
        return taker;
      },
      async send({ messageId, body = Buffer.from("{}"), timestampMs, ...properties }) {
        observer.channel.publish(settings.names.commandsExchange, "reinstall", body, {
          messageId,
          ...properties,
          ...(timestampMs === undefined ? {} : { timestamp: timestampMs / 1_000 }),
        });
        await observer.channel.waitForConfirms();
      },
      async setAlarm(on) {
        alarm = on;
        await disturbed().setMemoryAlarm(on);
        await eventually(() => publishing.outlet.isBlocked() === on);
      },
      async refuseEvents() {
        await observer.channel.assertQueue("full", {
          arguments: { "x-max-length": 0, "x-overflow": "reject-publish" },
        });
        await observer.channel.bindQueue("full", settings.names.eventsExchange, "#");
      },
      async kill() {
        // Quorum queues declared less than 2 s before the kill may be stuck afterwards: RabbitMQ's own weakness.
        await eventually(() => performance.now() - declaredMs > 2_500);
        await disturbed().kill();
        for (const taker of takers) await taker.cut();
        await eventually(() => publishing.outlet.isBlocked());
      },
      async restart() {
        await disturbed().start();
        await publishing.untilWritable();
      },
      async close() {
        if (alarm) await disturbed().setMemoryAlarm(false);
        await Promise.all([...takers].map((taker) => taker.close()));
        await publishing.close();
        // Lost already when the broker was killed.
        await observer.close().catch(() => undefined);
        await vhost.remove();
      },
    };
  };
}

async function declare(
  { channel }: Observer,
  settings: AmqpSettings,
  { deliveryLimit, waitingTtlMs }: RigOptions,
): Promise<void> {
  const { exchanges, queues, bindings } = topologyOf(settings);
  const { workQueue, commandsQueue } = settings.names;
  const waiting = waitingQueue(settings.names);
  for (const { name } of exchanges) await channel.assertExchange(name, "topic");
  for (const { name, arguments: planned } of queues) {
    const limited =
      deliveryLimit !== undefined && [workQueue, commandsQueue, waiting].includes(name);
    const limit = limited ? { "x-delivery-limit": deliveryLimit } : {};
    const ttl =
      waitingTtlMs !== undefined && name === waiting ? { "x-message-ttl": waitingTtlMs } : {};
    await channel.assertQueue(name, { arguments: { ...planned, ...limit, ...ttl } });
  }
  for (const { queue, exchange, key } of bindings) await channel.bindQueue(queue, exchange, key);
}

/** Takes what leaves us: all events, the replies to one asker, the dead letters. */
async function listen(observer: Observer, { names }: AmqpSettings): Promise<Left> {
  const { channel } = observer;
  const { queue: events } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(events, names.eventsExchange, "#");
  await channel.assertQueue(ASKER, { exclusive: true });
  const seen = {
    events: await observer.collect(events),
    replies: await observer.collect(ASKER),
    dead: await observer.collect(names.deadQueue),
  };
  return {
    get events() {
      return seen.events.map(({ properties, fields }) => ({
        id: String(properties.messageId),
        routingKey: fields.routingKey,
      }));
    },
    get replies() {
      return seen.replies.map(({ properties }) => ({
        id: String(properties.messageId),
        correlationId: properties.correlationId as string | undefined,
      }));
    },
    get dead() {
      return seen.dead.map(({ content, properties }) => ({
        messageId: String(properties.messageId),
        reason: String(properties.headers?.["x-reason"]),
        body: JSON.parse(content.toString()) as unknown,
      }));
    },
  };
}

/** The adapter's outlet without its consumers. */
async function openOutlet(settings: AmqpSettings) {
  const { onEvent } = eventLog();
  const onMissing = () => undefined;
  const connection = new SupervisedConnection("publish", settings, onEvent);
  const publisher = new Publisher({ connection, settings, onEvent, onMissing });
  connection.start();
  publisher.start();
  const untilWritable = async () => {
    if (!(await whenWritable(publisher, 15_000))) throw new Error("cannot publish");
  };
  await untilWritable();
  return {
    outlet: createOutlet({ publisher, replyPublisher: publisher, settings, onEvent, onMissing }),
    untilWritable,
    async close() {
      await publisher.stop();
      await connection.stop();
    },
  };
}

interface Connected extends Taker {
  close(): Promise<void>;
}

/** The whole adapter, on a connection that the test can cut. */
async function connect(settings: AmqpSettings, port: number, answer?: Answer): Promise<Connected> {
  const proxy: FlakyProxy = await startFlakyProxy(port);
  const hands = createHands(() => performance.now(), answer);
  const urls = settings.urls.map((url) => proxy.via(url));
  const routes = routesOf(hands.worker, settings.names.commandsQueue);
  const running = startBroker({ ...settings, urls }, routes);
  await untilReady(running);
  return {
    hands,
    leave: () => running.broker.stop(NEVER),
    async cut() {
      await proxy.set({ kind: "reset" });
    },
    async close() {
      await running.broker.stop(AbortSignal.abort());
      await eventually(() => proxy.held === 0, { what: "the end of our connections" });
      await proxy.close();
    },
  };
}
