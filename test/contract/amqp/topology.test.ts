import { connect } from "amqplib";
import { afterEach, expect, test } from "vitest";
import type { AmqpSettings } from "../../../src/adapters/amqp/settings.ts";
import { topologyOf } from "../../../src/adapters/amqp/topology/topology.ts";
import { establishTopology } from "../../../src/adapters/amqp/topology/topology-declaration.ts";
import { eventually } from "../../support/eventually.ts";
import { openObserver, ownVhosts, type RunningBroker, startBroker, untilReady } from "./rig.ts";

const own = ownVhosts();
let running: RunningBroker | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

/** Establishes the topology over a connection of its own. */
async function establish(change: Partial<AmqpSettings> = {}) {
  const changed = { ...own.settings, ...change };
  const model = await connect(changed.urls[0] ?? "", {});
  model.on("error", () => undefined);
  try {
    return await establishTopology(async () => {
      const channel = await model.createChannel();
      channel.on("error", () => undefined);
      return channel;
    }, changed);
  } finally {
    await model.close();
  }
}

test("declares every queue as a durable quorum queue with the arguments of the design", async () => {
  await establish();
  const { queues, exchanges, bindings } = await own.rabbit.definitions(own.vhost.name);
  const byName = Object.fromEntries(queues.map((queue) => [queue.name, queue]));
  for (const { name, arguments: wanted } of topologyOf(own.settings).queues)
    expect(byName[name]).toMatchObject({ durable: true, auto_delete: false, arguments: wanted });
  expect(
    queues.map((queue) => (queue.arguments as Record<string, unknown>)["x-queue-type"]),
  ).toEqual(queues.map(() => "quorum"));
  expect(exchanges).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ name: "ecs.reinstall.commands", type: "topic", durable: true }),
      expect.objectContaining({ name: "ecs.reinstall.events", type: "topic", durable: true }),
    ]),
  );
  expect(bindings).toEqual([
    expect.objectContaining({
      source: "ecs.reinstall.commands",
      destination: "ecs.reinstall.commands",
      routing_key: "#",
    }),
  ]);
});

test("holds no circle of dead-lettering, which RabbitMQ would break by dropping messages", () => {
  const next = new Map(
    topologyOf(own.settings).queues.map(
      ({ name, arguments: { "x-dead-letter-routing-key": to } }) => [name, to],
    ),
  );
  for (const start of next.keys()) {
    const path = [start];
    for (let at = next.get(start); at !== undefined; at = next.get(String(at))) {
      expect(path).not.toContain(at);
      path.push(String(at));
    }
  }
});

test("says that it was created fresh only the first time, and may be repeated", async () => {
  expect(await establish()).toEqual({ kind: "ready", createdFresh: true });
  expect(await establish()).toEqual({ kind: "ready", createdFresh: false });
});

test("is not fresh when one internal queue was there before, nor stale because of a public one", async () => {
  const observer = await openObserver(own.vhost.url);
  const commands = topologyOf(own.settings).queues.find(({ name }) => name.endsWith("commands"));
  await observer.channel.assertQueue("ecs.reinstall.commands", {
    arguments: { ...commands?.arguments },
  });
  expect(await establish()).toEqual({ kind: "ready", createdFresh: true });
  for (const { name } of topologyOf(own.settings).queues)
    if (name !== "ecs.reinstall.delay.800") await observer.channel.deleteQueue(name);
  expect(await establish()).toEqual({ kind: "ready", createdFresh: false });
  await observer.close();
});

test.each([
  ["x-message-ttl", { delaysMs: [300] }, "ecs.reinstall.delay.300", { "x-message-ttl": 301 }],
  ["x-delivery-limit", {}, "ecs.reinstall.work", { "x-delivery-limit": 20 }],
  ["x-queue-type", {}, "ecs.reinstall.dead", { "x-queue-type": "classic" }],
  ["x-overflow", {}, "ecs.reinstall.commands", { "x-overflow": "drop-head" }],
  ["x-dead-letter-routing-key", {}, "ecs.reinstall.work", { "x-dead-letter-routing-key": "x" }],
  [
    "x-dead-letter-strategy",
    {},
    "ecs.reinstall.work",
    { "x-dead-letter-strategy": "at-most-once" },
  ],
])("names queue and argument when %s differs", async (argument, change, queue, other) => {
  const changed = { ...own.settings, ...change };
  const ours = topologyOf(changed).queues.find(({ name }) => name === queue)?.arguments ?? {};
  const observer = await openObserver(own.vhost.url);
  const quorum = !("x-queue-type" in other);
  await observer.channel.assertQueue(queue, {
    arguments: quorum ? { ...ours, ...other } : { ...other },
  });
  await observer.close();
  const outcome = await establish(change);
  expect(outcome).toMatchObject({
    kind: "refused",
    problem: { resource: `queue '${queue}'`, code: 406, argument },
  });
});

test("names the exchange that exists in another form", async () => {
  const observer = await openObserver(own.vhost.url);
  await observer.channel.assertExchange("ecs.reinstall.events", "fanout");
  await observer.close();
  expect(await establish()).toMatchObject({
    kind: "refused",
    problem: { resource: "exchange 'ecs.reinstall.events'", code: 406, argument: "type" },
  });
});

test("names what is missing when it may only look", async () => {
  expect(await establish({ declare: false })).toMatchObject({
    kind: "refused",
    problem: { resource: "exchange 'ecs.reinstall.commands'", code: 404 },
  });
  await establish();
  const observer = await openObserver(own.vhost.url);
  await observer.channel.deleteQueue("ecs.reinstall.delay.400");
  await observer.close();
  expect(await establish({ declare: false })).toMatchObject({
    kind: "refused",
    problem: { resource: "queue 'ecs.reinstall.delay.400'", code: 404 },
  });
});

test("names the queue of those who wait, which a version before it had not", async () => {
  await establish();
  const observer = await openObserver(own.vhost.url);
  for (const queue of ["ecs.reinstall.work.waiting", "ecs.reinstall.delay.waiting.800"]) {
    await observer.channel.deleteQueue(queue);
    expect(await establish({ declare: false })).toMatchObject({
      kind: "refused",
      problem: { resource: `queue '${queue}'`, code: 404, message: /does not exist/ },
    });
    expect(await establish()).toEqual({ kind: "ready", createdFresh: false });
  }
  await observer.close();
});

test("says that the vhost may have no more queues", async () => {
  const path = `/vhost-limits/${own.vhost.name}/max-queues`;
  await own.rabbit.api("PUT", path, { value: 2 });
  expect(await establish()).toMatchObject({
    kind: "refused",
    problem: {
      code: 406,
      argument: null,
      message: expect.stringMatching(
        /^queue 'ecs\.reinstall\.\S+' cannot be declared: .* may have \(.*queue limit in vhost/,
      ),
    },
  });
  await own.rabbit.api("DELETE", path);
  expect(await establish()).toMatchObject({ kind: "ready" });
});

test("names what the user may not configure, and works without that right when it only looks", async () => {
  await own.rabbit.createUser("plain", "secret");
  await own.rabbit.setPermissions({ user: "plain", vhost: own.vhost.name, configure: "^$" });
  const urls = [own.rabbit.urlFor({ vhost: own.vhost.name, user: "plain", password: "secret" })];
  expect(await establish({ urls })).toMatchObject({
    kind: "refused",
    problem: { resource: "exchange 'ecs.reinstall.commands'", code: 403 },
  });
  await establish();
  expect(await establish({ urls, declare: false })).toEqual({ kind: "ready", createdFresh: false });
  running = startBroker({ ...own.settings, urls, declare: false });
  await untilReady(running);
});

test("a worker whose topology is refused says so once, waits, and starts when a person has seen to it", async () => {
  const observer = await openObserver(own.vhost.url);
  await observer.channel.assertQueue("ecs.reinstall.work", {
    arguments: { "x-queue-type": "quorum" },
  });
  running = startBroker(own.settings);
  const { broker, log, topology } = running;
  await eventually(() => broker.status().topologyProblem !== null);
  expect(broker.status()).toMatchObject({
    ready: false,
    topologyProblem: { resource: "queue 'ecs.reinstall.work'", code: 406 },
  });
  const complaints = () => log.lines.filter(({ level }) => level === "error");
  // A few rounds of its own time between two attempts.
  await eventually(
    () => log.lines.filter(({ message }) => message === "channel is away").length > 9,
  );
  expect(complaints()).toHaveLength(1);
  await observer.channel.deleteQueue("ecs.reinstall.work");
  await untilReady(running);
  expect(broker.status().topologyProblem).toBeNull();
  expect(topology).toEqual([{ createdFresh: false }]);
  await observer.close();
});
