import { afterEach, expect, test } from "vitest";
import type { Envelope } from "../../../src/core/state/envelope.ts";
import { eventually } from "../../support/eventually.ts";
import {
  anEnvelope,
  NEVER,
  openObserver,
  ownRabbitMq,
  type RunningBroker,
  startBroker,
  untilReady,
} from "./rig.ts";

const EMPTY = { commands: 0, work: 0, "work-waiting": 0, "work-dead": 0, dead: 0, delay: 0 };

const own = ownRabbitMq({ delaysMs: [60_000, 120_000] });
let running: RunningBroker | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

const lengths = () => running?.broker.queueLengths();

test("tells how many messages are ready, all delay queues together", async () => {
  running = startBroker(own.settings);
  await untilReady(running);
  expect(await lengths()).toEqual(EMPTY);
  for (const delayMs of [60_000, 60_000, 120_000]) {
    const envelope = anEnvelope("c-1");
    await running.broker.outlet.publish([{ kind: "step", envelope, delayMs }], NEVER);
  }
  const envelope = anEnvelope("c-2", { state: { phase: "waiting" } as Envelope["state"] });
  await running.broker.outlet.publish([{ kind: "step", envelope, delayMs: 120_000 }], NEVER);
  const observer = await openObserver(own.vhost.url);
  await observer.send("ecs.reinstall.dead", "read by nobody");
  await observer.close();
  await eventually(async () => expect(await lengths()).toEqual({ ...EMPTY, dead: 1, delay: 4 }));
});

test("does not count what a worker has in hand", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const holding = { commands: async () => (await held, "ack" as const) };
  running = startBroker({ ...own.settings, prefetch: 1 }, holding);
  await untilReady(running);
  const observer = await openObserver(own.vhost.url);
  for (const body of ["one", "two", "three"]) await observer.send("ecs.reinstall.commands", body);
  await observer.close();
  await eventually(async () => expect(await lengths()).toEqual({ ...EMPTY, commands: 2 }));
  release();
  await eventually(async () => expect(await lengths()).toEqual(EMPTY));
});

test("cannot say before there is a connection, nor when a queue is missing; and can again", async () => {
  running = startBroker(own.settings);
  expect(await lengths()).toBeNull();
  await untilReady(running);
  const { channel, close } = await openObserver(own.vhost.url);
  await channel.deleteQueue("ecs.reinstall.dead");
  await eventually(async () => expect(await lengths()).toBeNull());
  await channel.assertQueue("ecs.reinstall.dead", { durable: true });
  await eventually(async () => expect(await lengths()).toEqual(EMPTY));
  await close();
});

test("cannot say while the broker does not answer, and can again", async () => {
  running = startBroker({ ...own.settings, heartbeatSeconds: 60 });
  await untilReady(running);
  await own.rabbit.pause();
  try {
    expect(await lengths()).toBeNull();
  } finally {
    await own.rabbit.resume();
  }
  await eventually(async () => expect(await lengths()).toEqual(EMPTY));
});
