import type { Channel } from "amqplib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Publication } from "../../../src/adapters/amqp/publishing/confirm-lane.ts";
import type { SupervisedConnection } from "../../../src/adapters/amqp/connection/connection.ts";
import { Publisher } from "../../../src/adapters/amqp/publishing/publisher.ts";
import type { AmqpSettings } from "../../../src/adapters/amqp/settings.ts";
import { eventually } from "../../support/eventually.ts";
import { type FlakyProxy, startFlakyProxy } from "../../support/network/flaky-proxy.ts";
import { expectNoLeftovers } from "../../support/processes/leftovers.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../../support/rabbitmq/rabbitmq.ts";
import {
  eventLog,
  NEVER,
  openConnection,
  openObserver,
  testSettings,
  RABBITMQ,
  whenWritable,
} from "./rig.ts";

let rabbit: PrivateRabbitMq;
let proxy: FlakyProxy;
let settings: AmqpSettings;
let connection: SupervisedConnection;
let channels: Channel[];
let publisher: Publisher;
let observer: Awaited<ReturnType<typeof openObserver>>;
let missing = 0;

beforeAll(async () => {
  rabbit = await startRabbitMq(RABBITMQ);
  proxy = await startFlakyProxy(rabbit.port);
  observer = await openObserver(rabbit.url);
  const quorum = { "x-queue-type": "quorum" };
  await observer.channel.assertQueue("q", { arguments: quorum });
  await observer.channel.assertQueue("full", {
    arguments: { ...quorum, "x-max-length": 1, "x-overflow": "reject-publish" },
  });
});
afterAll(async () => {
  await observer.close();
  await eventually(() => proxy.held === 0, { what: "the end of our connections" });
  await proxy.close();
  await rabbit.stop();
  await expectNoLeftovers();
});
beforeEach(async () => {
  await proxy.set({ kind: "pass" });
  // A heartbeat that does not interfere with the time-outs under test.
  settings = testSettings(proxy.via(rabbit.url), { heartbeatSeconds: 5 });
  const { onEvent } = eventLog();
  ({ connection, channels } = await openConnection(settings, onEvent));
  missing = 0;
  publisher = new Publisher({ connection, settings, onEvent, onMissing: () => (missing += 1) });
  publisher.start();
  expect(await whenWritable(publisher, 5_000)).toBe(true);
});
afterEach(async () => {
  await proxy.set({ kind: "pass" });
  await publisher.stop();
  await connection.stop();
});

function to(queue: string, change: Partial<Publication> = {}): Publication {
  return {
    exchange: "",
    routingKey: queue,
    body: Buffer.from("body"),
    properties: { messageId: "m" },
    ...change,
  };
}

test("confirms a persistent message", async () => {
  const seen = await observer.collect("q");
  expect(await publisher.publish(to("q"), NEVER)).toBe("confirmed");
  await eventually(() => seen.length > 0);
  expect(seen[0]?.properties).toMatchObject({ messageId: "m", deliveryMode: 2 });
});

test("tells a returned message from a confirmed one with the same id", async () => {
  const queues = ["q", "nowhere", "q", "nowhere", "nowhere", "q"];
  const outcomes = await Promise.all(queues.map((queue) => publisher.publish(to(queue), NEVER)));
  expect(outcomes).toEqual(queues.map((queue) => (queue === "q" ? "confirmed" : "returned")));
});

test("after a refusal the next message goes over another channel", async () => {
  const outcomes = [];
  // A quorum queue may take a few more than its limit before it says no.
  do outcomes.push(await publisher.publish(to("full"), NEVER));
  while (outcomes.at(-1) === "confirmed");
  expect(outcomes.at(-1)).toBe("refused");
  const before = channels.length;
  expect(await publisher.publish(to("q"), NEVER)).toBe("confirmed");
  expect(channels).toHaveLength(before + 1);
});

test("an exchange that is gone costs the channel, not the connection", async () => {
  const model = connection.live?.model;
  expect(await publisher.publish(to("k", { exchange: "gone" }), NEVER)).toBe("unconfirmed");
  expect(await publisher.publish(to("q"), NEVER)).toBe("confirmed");
  expect(missing).toBe(1);
  expect(connection.live?.model).toBe(model);
});

test("a confirm that does not come in time: unconfirmed, and the next one over another channel", async () => {
  const before = channels.length;
  await proxy.set({ kind: "hold-replies" });
  const startedMs = performance.now();
  expect(await publisher.publish(to("q"), NEVER)).toBe("unconfirmed");
  expect(performance.now() - startedMs).toBeLessThan(2 * settings.confirmTimeoutMs + 200);
  expect(publisher.isBlocked()).toBe(true);
  await proxy.set({ kind: "pass" });
  expect(await whenWritable(publisher, 5_000)).toBe(true);
  expect(await publisher.publish(to("q"), NEVER)).toBe("confirmed");
  expect(channels.length).toBeGreaterThan(before);
});

test("many large messages into a black hole: bounded memory, every one is answered", async () => {
  const body = Buffer.alloc(256 * 1024);
  await proxy.set({ kind: "black-hole" });
  const before = process.memoryUsage().arrayBuffers;
  const many = Array.from({ length: 500 }, () => publisher.publish(to("q", { body }), NEVER));
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }, 20);
  const outcomes = new Set(await Promise.all(many));
  clearInterval(watch);
  expect([...outcomes]).toEqual(["unconfirmed"]);
  // Sixteen under way at a time, a few times over, and what the proxy holds; never all of the 125 MiB.
  expect(most).toBeLessThan(48 * 1024 * 1024);
  await proxy.set({ kind: "pass" });
  expect(await whenWritable(publisher, 10_000)).toBe(true);
  expect(await publisher.publish(to("q"), NEVER)).toBe("confirmed");
});

test("a lost connection ends what was under way, and nothing else", async () => {
  await proxy.set({ kind: "hold-replies" });
  const under = publisher.publish(to("q"), NEVER);
  await eventually(() => proxy.bytes.up > 0);
  await proxy.set({ kind: "reset" });
  expect(await under).toBe("unconfirmed");
  expect(publisher.isBlocked()).toBe(true);
  await proxy.set({ kind: "pass" });
  expect(await whenWritable(publisher, 5_000)).toBe(true);
  expect(await publisher.publish(to("q"), NEVER)).toBe("confirmed");
});

test("an aborted signal ends a publish at once", async () => {
  await proxy.set({ kind: "black-hole" });
  const aborting = new AbortController();
  const startedMs = performance.now();
  const publishing = publisher.publish(to("q"), aborting.signal);
  aborting.abort();
  expect(await publishing).toBe("unconfirmed");
  expect(await publisher.publish(to("q"), aborting.signal)).toBe("unconfirmed");
  expect(performance.now() - startedMs).toBeLessThan(200);
});

test("what AMQP cannot carry is an error of ours and harms nobody", async () => {
  const headers = { fat: "x".repeat(70_000) };
  const properties = { messageId: "m", headers };
  await expect(publisher.publish(to("q", { properties }), NEVER)).rejects.toThrow(RangeError);
  expect(await publisher.publish(to("q"), NEVER)).toBe("confirmed");
});

test("stop may come first, and twice", async () => {
  const { onEvent } = eventLog();
  const other = new Publisher({ connection, settings, onEvent, onMissing: () => undefined });
  await other.stop();
  other.start();
  await other.stop();
  expect(other.isBlocked()).toBe(true);
  expect(await other.publish(to("q"), AbortSignal.abort())).toBe("unconfirmed");
});

describe("a memory alarm", () => {
  afterEach(async () => {
    await rabbit.setMemoryAlarm(false);
  });

  test("is noticed although nothing is published, blocks publishing, and passes by itself", async () => {
    await rabbit.setMemoryAlarm(true);
    await eventually(() => publisher.isBlocked());
    await eventually(() => connection.status().blockedBy !== null);
    const startedMs = performance.now();
    expect(await publisher.publish(to("q"), NEVER)).toBe("unconfirmed");
    expect(performance.now() - startedMs).toBeLessThan(2 * settings.confirmTimeoutMs + 200);
    await rabbit.setMemoryAlarm(false);
    expect(await whenWritable(publisher, 10_000)).toBe(true);
    expect(await publisher.publish(to("q"), NEVER)).toBe("confirmed");
  });

  test("is noticed by a connection that is opened meanwhile", async () => {
    await rabbit.setMemoryAlarm(true);
    const { onEvent } = eventLog();
    const late = await openConnection(settings, onEvent);
    const other = new Publisher({
      connection: late.connection,
      settings,
      onEvent,
      onMissing: () => undefined,
    });
    other.start();
    expect(await whenWritable(other, 1_000)).toBe(false);
    expect(late.connection.status().blockedBy).not.toBeNull();
    // A blocked broker reads nothing: closing must not wait for it.
    const startedMs = performance.now();
    await other.stop();
    await late.connection.stop();
    expect(performance.now() - startedMs).toBeLessThan(4_000);
  });
});
