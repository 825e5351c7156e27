import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { AmqpSettings } from "../../../src/adapters/amqp/settings.ts";
import { eventually } from "../../support/eventually.ts";
import { expectNoLeftovers } from "../../support/leftovers.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../../support/rabbitmq.ts";
import type { Vhost } from "../../support/rabbitmq-management.ts";
import {
  anEnvelope,
  NEVER,
  openObserver,
  RABBITMQ,
  type RunningBroker,
  startBroker,
  testSettings,
  untilReady,
} from "./rig.ts";

const EMPTY = { commands: 0, work: 0, "work-dead": 0, dead: 0, delay: 0 };

let rabbit: PrivateRabbitMq;
let vhost: Vhost;
let settings: AmqpSettings;
let running: RunningBroker | undefined;

beforeAll(async () => {
  rabbit = await startRabbitMq(RABBITMQ);
});
afterAll(async () => {
  await rabbit.stop();
  await expectNoLeftovers();
});
beforeEach(async () => {
  vhost = await rabbit.newVhost();
  settings = testSettings(vhost.url, { delaysMs: [60_000, 120_000] });
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
  await vhost.remove();
});

const lengths = () => running?.broker.queueLengths();

test("tells how many messages are ready, all delay queues together", async () => {
  running = startBroker(settings);
  await untilReady(running);
  expect(await lengths()).toEqual(EMPTY);
  for (const delayMs of [60_000, 60_000, 120_000]) {
    const envelope = anEnvelope("c-1");
    await running.broker.outlet.publish([{ kind: "step", envelope, delayMs }], NEVER);
  }
  const observer = await openObserver(vhost.url);
  await observer.send("ecs.reinstall.dead", "read by nobody");
  await observer.close();
  await eventually(async () => expect(await lengths()).toEqual({ ...EMPTY, dead: 1, delay: 3 }));
});

test("does not count what a worker has in hand", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const holding = { commands: async () => (await held, "ack" as const) };
  running = startBroker({ ...settings, prefetch: 1 }, holding);
  await untilReady(running);
  const observer = await openObserver(vhost.url);
  for (const body of ["one", "two", "three"]) await observer.send("ecs.reinstall.commands", body);
  await observer.close();
  await eventually(async () => expect(await lengths()).toEqual({ ...EMPTY, commands: 2 }));
  release();
  await eventually(async () => expect(await lengths()).toEqual(EMPTY));
});

test("cannot say before there is a connection, nor when a queue is missing; and can again", async () => {
  running = startBroker(settings);
  expect(await lengths()).toBeNull();
  await untilReady(running);
  const { channel, close } = await openObserver(vhost.url);
  await channel.deleteQueue("ecs.reinstall.dead");
  await eventually(async () => expect(await lengths()).toBeNull());
  await channel.assertQueue("ecs.reinstall.dead", { durable: true });
  await eventually(async () => expect(await lengths()).toEqual(EMPTY));
  await close();
});

test("cannot say while the broker does not answer, and can again", async () => {
  running = startBroker({ ...settings, heartbeatSeconds: 60 });
  await untilReady(running);
  await rabbit.pause();
  try {
    expect(await lengths()).toBeNull();
  } finally {
    await rabbit.resume();
  }
  await eventually(async () => expect(await lengths()).toEqual(EMPTY), { timeoutMs: 10_000 });
});
