import type { Channel, Message } from "amqplib";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SupervisedConnection } from "../../../src/adapters/amqp/connection/connection.ts";
import { QueueConsumer } from "../../../src/adapters/amqp/consumer.ts";
import type { Delivery, DeliveryHandler } from "../../../src/adapters/amqp/delivery.ts";
import { eventually } from "../../support/eventually.ts";
import { type EventLog, eventLog, NEVER, openConnection, openObserver, ownVhosts } from "./rig.ts";

const QUEUE = "q";

const own = ownVhosts();
let connection: SupervisedConnection;
let channels: Channel[];
let log: EventLog;
let observer: Awaited<ReturnType<typeof openObserver>>;
let consumers: QueueConsumer[];

beforeEach(async () => {
  log = eventLog();
  ({ connection, channels } = await openConnection(own.settings, log.onEvent));
  observer = await openObserver(own.vhost.url);
  consumers = [];
  await declare();
});
afterEach(async () => {
  await Promise.all(consumers.map((consumer) => consumer.stop(AbortSignal.timeout(1_000))));
  await connection.stop();
  await observer.close();
});

async function declare(): Promise<void> {
  await observer.channel.assertQueue("dead", { arguments: { "x-queue-type": "quorum" } });
  await observer.channel.assertQueue(QUEUE, {
    arguments: {
      "x-queue-type": "quorum",
      "x-delivery-limit": 50,
      "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": "dead",
    },
  });
}

async function consume(handler: DeliveryHandler, change: { prefetch?: number } = {}) {
  let missing = 0;
  const consumer = new QueueConsumer({
    queue: QUEUE,
    prefetch: change.prefetch ?? 4,
    connection,
    settings: own.settings,
    handler,
    onEvent: log.onEvent,
    ensureTopology: async () => {
      if (missing > 0) await declare();
    },
    onMissing: () => (missing += 1),
  });
  consumers.push(consumer);
  consumer.start();
  await eventually(() => consumer.status().consuming);
  return consumer;
}

/** A handler that waits until it is let go. */
function gate() {
  const waiting: (() => void)[] = [];
  const seen: Delivery[] = [];
  return {
    seen,
    open: () => waiting.splice(0).forEach((go) => go()),
    handler: async (delivery: Delivery) => {
      seen.push(delivery);
      await new Promise<void>((resolve) => waiting.push(resolve));
      return "ack" as const;
    },
  };
}

const depth = async (queue = QUEUE) => (await own.rabbit.queueDepths(own.vhost.name))[queue];

test("hands over what the message said", async () => {
  const seen: Delivery[] = [];
  await consume(async (delivery) => {
    seen.push(delivery);
    return "ack";
  });
  await observer.send(QUEUE, "hé", {
    contentType: "application/json",
    messageId: "m",
    type: "t",
    timestamp: 1_700_000_000,
    replyTo: "r",
    correlationId: "c",
    headers: { a: 1 },
  });
  await observer.send(QUEUE, "");
  await eventually(() => seen.length === 2);
  expect(seen[0]).toEqual({
    queue: QUEUE,
    body: Buffer.from("hé"),
    bytes: 3,
    contentType: "application/json",
    contentEncoding: undefined,
    messageId: "m",
    type: "t",
    timestampMs: 1_700_000_000_000,
    replyTo: "r",
    correlationId: "c",
    headers: { a: 1 },
    redelivered: false,
    deliveryCount: 0,
    origin: { queue: QUEUE, routingKey: QUEUE },
  });
  expect(seen[1]).toMatchObject({ bytes: 0, headers: {}, messageId: undefined });
  await eventually(async () => (await depth()) === 0);
});

test("puts back what is not for now, marked and counted", async () => {
  const seen: Delivery[] = [];
  await consume(async (delivery) => {
    seen.push(delivery);
    return seen.length < 3 ? "requeue" : "ack";
  });
  await observer.send(QUEUE, "x");
  await eventually(() => seen.length === 3);
  expect(seen.map(({ redelivered }) => redelivered)).toEqual([false, true, true]);
  expect(seen.map(({ deliveryCount }) => deliveryCount)).toEqual([0, 1, 2]);
});

test("what is put back again and again comes ever more slowly, and spares its delivery limit", async () => {
  const startedMs = performance.now();
  const seenMs: number[] = [];
  await consume(async () => {
    seenMs.push(performance.now() - startedMs);
    return "requeue";
  });
  await observer.send(QUEUE, "x");
  await eventually(() => seenMs.length === 5);
  const [first = 0, , , , fifth = 0] = seenMs;
  // Half of 50, 100, 200 and 400 ms at least.
  expect(fifth - first).toBeGreaterThan(370);
});

test("gives up what failed as often as the queue allows, in every version of the broker", async () => {
  const limit = 2;
  await own.rabbit.api("PUT", `/policies/${own.vhost.name}/limit`, {
    pattern: `^${QUEUE}$`,
    definition: { "delivery-limit": limit },
    "apply-to": "queues",
  });
  let seen = 0;
  await consume(async () => {
    seen += 1;
    return "retry";
  });
  await observer.send(QUEUE, "x");
  const dead = await observer.collect("dead");
  await eventually(() => dead.length === 1);
  expect(dead[0]?.properties.headers?.["x-first-death-reason"]).toBe("delivery_limit");
  expect(seen).toBe(limit + 1);
});

test("a handler that throws: said, put back after a pause, and nobody else waits for it", async () => {
  const seen: string[] = [];
  await consume(async ({ body }) => {
    const text = body.toString();
    seen.push(text);
    if (text === "poison" && seen.filter((one) => one === text).length === 1)
      throw new Error("cannot be");
    return "ack";
  });
  await observer.send(QUEUE, "poison");
  await observer.send(QUEUE, "good");
  await eventually(() => seen.length === 3);
  expect([...seen].sort()).toEqual(["good", "poison", "poison"]);
  await eventually(async () => (await depth()) === 0);
  expect(log.lines).toContainEqual(
    expect.objectContaining({
      level: "error",
      message: "delivery handler failed",
      fields: expect.objectContaining({ queue: QUEUE, error: "cannot be" }),
    }),
  );
});

test("has no more in hand than the prefetch says", async () => {
  const { handler, open, seen } = gate();
  const consumer = await consume(handler, { prefetch: 2 });
  for (const body of ["a", "b", "c", "d"]) await observer.send(QUEUE, body);
  await eventually(() => consumer.status().inFlight === 2);
  expect(seen).toHaveLength(2);
  open();
  await eventually(() => seen.length === 4);
  expect(consumer.status().inFlight).toBe(2);
  open();
});

const unknownTag = { fields: { deliveryTag: 4_711 } } as unknown as Message;

test.each([
  ["an unknown delivery tag", (channel: Channel) => channel.ack(unknownTag)],
  [
    "a question about a missing queue",
    (channel: Channel) => void channel.checkQueue("no").catch(() => undefined),
  ],
])(
  "a channel that the broker closes for %s is rebuilt while the connection lives",
  async (_, offend) => {
    const { handler, open, seen } = gate();
    const consumer = await consume(handler);
    const model = connection.live?.model;
    await observer.send(QUEUE, "x");
    await eventually(() => seen.length === 1);
    const channel = channels.at(-1);
    if (channel === undefined) throw new Error("no channel");
    offend(channel);
    await eventually(() => !consumer.status().consuming, { intervalMs: 1 });
    await eventually(() => consumer.status().consuming);
    expect(connection.live?.model).toBe(model);
    expect(channels.length).toBeGreaterThan(1);
    // The one in hand was given back with the channel, comes again, and its first ack goes nowhere.
    await eventually(() => seen.length === 2);
    expect(seen[1]?.redelivered).toBe(true);
    open();
    await eventually(() => consumer.status().inFlight === 0);
    await eventually(async () => (await depth()) === 0);
    expect(log.has("delivery outlived its channel, it will come again")).toBe(true);
  },
);

test("a deleted queue: the cancelled consumer has it declared again and goes on", async () => {
  const seen: Delivery[] = [];
  const consumer = await consume(async (delivery) => {
    seen.push(delivery);
    return "ack";
  });
  await observer.channel.deleteQueue(QUEUE);
  await eventually(() => !consumer.status().consuming, { intervalMs: 1 });
  await eventually(() => consumer.status().consuming);
  await observer.send(QUEUE, "x");
  await eventually(() => seen.length === 1);
});

test("stopping waits for the handlers, and their acks are not lost", async () => {
  const { handler, open, seen } = gate();
  const consumer = await consume(handler, { prefetch: 50 });
  for (let i = 0; i < 50; i += 1) await observer.send(QUEUE, `${i}`);
  await eventually(() => seen.length === 50);
  let stopped = false;
  const stopping = (async () => {
    await consumer.stop(NEVER);
    stopped = true;
  })();
  await observer.send(QUEUE, "late");
  await eventually(() => !consumer.status().consuming);
  expect(stopped).toBe(false);
  open();
  await stopping;
  const left = await observer.collect(QUEUE);
  await eventually(() => left.length > 0);
  expect(left.map(({ content, fields }) => [content.toString(), fields.redelivered])).toEqual([
    ["late", false],
  ]);
  expect(seen).toHaveLength(50);
});

test("stopping with an aborted signal leaves what is in hand to others", async () => {
  const { handler, open, seen } = gate();
  const consumer = await consume(handler);
  await observer.send(QUEUE, "x");
  await eventually(() => seen.length === 1);
  await consumer.stop(AbortSignal.abort());
  const others = await observer.collect(QUEUE);
  await eventually(() => others.length === 1);
  expect(others[0]?.fields.redelivered).toBe(true);
  open();
  await eventually(() => consumer.status().inFlight === 0);
});

test("stop may come first, and twice", async () => {
  const consumer = new QueueConsumer({
    queue: QUEUE,
    prefetch: 1,
    connection,
    settings: own.settings,
    handler: async () => "ack",
    onEvent: log.onEvent,
    ensureTopology: async () => undefined,
    onMissing: () => undefined,
  });
  await consumer.stop(NEVER);
  consumer.start();
  await consumer.stop(NEVER);
  expect(consumer.status()).toMatchObject({ consuming: false, inFlight: 0 });
});
