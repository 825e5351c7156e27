import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Delivery } from "../../../src/adapters/amqp/delivery.ts";
import type { Outgoing } from "../../../src/steps/ports/outlet.ts";
import { eventually } from "../../support/eventually.ts";
import {
  anEnvelope,
  anEvent,
  NEVER,
  openObserver,
  ownRabbitMq,
  PROJECT,
  type RunningBroker,
  SERVER,
  startBroker,
  untilReady,
} from "./rig.ts";

const own = ownRabbitMq();
let running: RunningBroker;
let observer: Awaited<ReturnType<typeof openObserver>>;

beforeEach(async () => {
  running = startBroker(own.settings);
  observer = await openObserver(own.vhost.url);
  await untilReady(running);
});
afterEach(async () => {
  await observer.close();
  await running.stop();
});

const publish = (...messages: Outgoing[]) => running.broker.outlet.publish(messages, NEVER);
const step = (commandId: string, delayMs: number): Outgoing => ({
  kind: "step",
  envelope: anEnvelope(commandId),
  delayMs,
});
const commandsSeen = () =>
  running.seen.work.map(({ body }) => JSON.parse(body.toString()).order.commandId);

describe("a step", () => {
  test("without a delay is on the work queue at once, complete", async () => {
    const envelope = anEnvelope("c1", { step: 7 });
    expect(await publish({ kind: "step", envelope, delayMs: 0 })).toBe("confirmed");
    await eventually(() => running.seen.work.length === 1);
    const [delivery] = running.seen.work;
    expect(JSON.parse(delivery?.body.toString() ?? "")).toEqual(envelope);
    expect(delivery).toMatchObject({
      queue: "ecs.reinstall.work",
      type: "ecs.reinstall.step.v1",
      contentType: "application/json",
      messageId: "c1/step/7",
      redelivered: false,
      deliveryCount: 0,
    });
  });

  test("goes round the ladder many times without being lost or copied", async () => {
    const rounds = 25;
    const commands = Array.from({ length: 8 }, (_, index) => `c${index}`);
    await Promise.all(commands.map((command) => publish(step(command, 1))));
    let answered = 0;
    await eventually(
      async () => {
        const fresh = running.seen.work.slice(answered, commands.length * rounds);
        answered += fresh.length;
        await Promise.all(
          fresh.map(({ body }) =>
            publish(step(JSON.parse(body.toString()).order.commandId as string, 1)),
          ),
        );
        return answered >= commands.length * rounds;
      },
      { timeoutMs: 25_000, intervalMs: 20 },
    );
    for (const command of commands)
      expect(
        commandsSeen()
          .slice(0, commands.length * rounds)
          .filter((seen) => seen === command),
      ).toHaveLength(rounds);
    expect(running.seen.workDead).toEqual([]);
  });

  test("whose delay queue was deleted: it is declared again and the step is not lost", async () => {
    await observer.channel.deleteQueue("ecs.reinstall.delay.400");
    expect(await publish(step("c1", 400))).toBe("confirmed");
    await eventually(() => running.seen.work.length === 1);
  });

  test("is unconfirmed when the queue stays away", async () => {
    const looking = startBroker({ ...own.settings, declare: false });
    await untilReady(looking);
    await observer.channel.deleteQueue("ecs.reinstall.delay.800");
    const messages = [step("c1", 800), step("after", 0)];
    expect(await looking.broker.outlet.publish(messages, NEVER)).toBe("unconfirmed");
    expect(looking.log.has("queue is missing")).toBe(true);
    // Nothing is sent before what went before it is safe.
    expect(await publish(step("marker", 0))).toBe("confirmed");
    await eventually(() => [...running.seen.work, ...looking.seen.work].length > 0);
    const seen = [...running.seen.work, ...looking.seen.work];
    expect(seen.map(({ messageId }) => messageId)).toEqual(["marker/step/1"]);
    await looking.stop();
  });
});

describe("an event", () => {
  test("is published as a structured CloudEvent under its own id", async () => {
    await observer.channel.assertQueue("listener", { durable: false, exclusive: true });
    await observer.channel.bindQueue("listener", "ecs.reinstall.events", `${PROJECT}.#`);
    const seen = await observer.collect("listener");
    const event = anEvent("c1/3");
    expect(await publish({ kind: "event", event })).toBe("confirmed");
    await eventually(() => seen.length === 1);
    expect(JSON.parse(seen[0]?.content.toString() ?? "")).toEqual(event);
    expect(seen[0]).toMatchObject({
      fields: { routingKey: `${PROJECT}.${SERVER}.accepted` },
      properties: {
        contentType: "application/cloudevents+json",
        messageId: "c1/3",
        timestamp: Date.parse(event.time) / 1_000,
        deliveryMode: 2,
      },
    });
    expect(running.unroutable).toEqual([]);
  });

  test("that nobody has bound a queue for counts as published, and is counted", async () => {
    expect(await publish({ kind: "event", event: anEvent("c1/1") }, step("c1", 0))).toBe(
      "confirmed",
    );
    expect(running.unroutable).toEqual(["c1/1"]);
    await eventually(() => running.seen.work.length === 1);
  });

  test("that a listener's queue refuses is told from one that nobody answered for: final events are not lost", async () => {
    await observer.channel.assertQueue("full", {
      arguments: { "x-max-length": 0, "x-overflow": "reject-publish" },
    });
    await observer.channel.bindQueue("full", "ecs.reinstall.events", "#");
    expect(await publish({ kind: "event", event: anEvent("c1/1") })).toBe("refused");
    await observer.channel.deleteQueue("full");
    expect(await publish({ kind: "event", event: anEvent("c1/1") })).toBe("confirmed");
  });

  test("for an exchange that was deleted: it is declared again", async () => {
    await observer.channel.deleteExchange("ecs.reinstall.events");
    expect(await publish({ kind: "event", event: anEvent("c1/1") })).toBe("confirmed");
    expect(running.unroutable).toEqual(["c1/1"]);
  });
});

describe("a reply", () => {
  const reply = (queue: string): Outgoing => ({
    kind: "reply",
    event: anEvent("c1/9"),
    queue,
    correlationId: "corr",
  });

  test("reaches the asker's queue with their correlation id", async () => {
    await observer.channel.assertQueue("asker", { durable: false, exclusive: true });
    const seen = await observer.collect("asker");
    expect(await publish(reply("asker"))).toBe("confirmed");
    await eventually(() => seen.length === 1);
    expect(seen[0]?.properties).toMatchObject({ correlationId: "corr", messageId: "c1/9" });
  });

  test("reaches an asker without a queue (direct reply-to)", async () => {
    const seen: unknown[] = [];
    const asker = await openObserver(own.vhost.url);
    await asker.channel.consume("amq.rabbitmq.reply-to", (message) => seen.push(message), {
      noAck: true,
    });
    await asker.channel.assertQueue("question", { durable: false, exclusive: true });
    const asked = await asker.collect("question");
    await asker.send("question", "?", { replyTo: "amq.rabbitmq.reply-to" });
    await eventually(() => asked.length === 1);
    expect(await publish(reply(String(asked[0]?.properties.replyTo)))).toBe("confirmed");
    await eventually(() => seen.length === 1);
    await asker.close();
    expect(await publish(reply(String(asked[0]?.properties.replyTo)))).toBe("confirmed");
  });

  test("to a queue that is gone, full, or has no name that AMQP can carry holds nothing up", async () => {
    await observer.channel.assertQueue("full", {
      arguments: { "x-max-length": 0, "x-overflow": "reject-publish" },
    });
    const grown = reply("\ufffd".repeat(100));
    expect(await publish(grown, reply("gone"), reply("full"), step("c1", 0))).toBe("confirmed");
    const refused = running.log.lines.filter(({ message }) => message === "reply was refused");
    expect(refused.map(({ fields }) => fields)).toEqual([
      {
        queue: expect.stringMatching(/^\ufffd+$/),
        why: "refused",
        error: expect.stringContaining("up to 255 chars"),
      },
      { queue: "full", why: "refused" },
    ]);
    await eventually(() => running.seen.work.length === 1);
  });
});

test("a dead letter carries its reason beside the body", async () => {
  const seen = await observer.collect("ecs.reinstall.dead");
  const body = { command_id: "c1" };
  expect(await publish({ kind: "dead", messageId: "c1", reason: "rejected", body })).toBe(
    "confirmed",
  );
  await eventually(() => seen.length === 1);
  expect(JSON.parse(seen[0]?.content.toString() ?? "")).toEqual(body);
  expect(seen[0]?.properties).toMatchObject({
    messageId: "c1",
    type: "ecs.reinstall.dead.v1",
    headers: { "x-reason": "rejected" },
  });
});

test("a raw command that is put aside takes along neither its emitter's properties for the broker nor the broker's notes", async () => {
  observer.channel.publish("ecs.reinstall.commands", "reinstall", Buffer.from("{}"), {
    messageId: "id",
    userId: "guest",
    expiration: "60000",
    type: "theirs",
  });
  await eventually(() => running.seen.commands.length === 1);
  const { outlet } = running.broker;
  const marks = {
    delayMs: 100,
    arrivedAtMs: 1_700_000_001_234,
    mayHaveRun: true,
    unseenUntilMs: null,
  };
  const marksWhenDeferred = async (raw: Delivery | undefined) => {
    if (raw === undefined) throw new Error("it did not come");
    expect(await outlet.republishArrival(raw, marks, NEVER)).toBe("confirmed");
  };
  await marksWhenDeferred(running.seen.commands[0]);
  await eventually(() => running.seen.work.length === 1);
  await marksWhenDeferred(running.seen.work[0]);
  await eventually(() => running.seen.work.length === 2);
  const deaths = running.seen.work.map(({ headers }) => headers["x-death"]);
  expect(deaths).toEqual([
    [expect.objectContaining({ count: 1, queue: "ecs.reinstall.delay.200" })],
    [expect.objectContaining({ count: 1, queue: "ecs.reinstall.delay.200" })],
  ]);
  expect(running.seen.work.map(({ type }) => type)).toEqual([
    "ecs.reinstall.arrival.v1",
    "ecs.reinstall.arrival.v1",
  ]);
});

test("an internal message that is passed on comes back byte for byte, its passes counted, from no circle", async () => {
  const { outlet } = running.broker;
  const body = Buffer.from(JSON.stringify({ v: 7 }));
  const headers = { traceparent: "00-a-b-01" };
  observer.channel.sendToQueue("ecs.reinstall.work", body, {
    messageId: "c1/step/1",
    type: "ecs.reinstall.step.v7",
    contentType: "application/json",
    headers,
  });
  for (const passes of [1, 2]) {
    await eventually(() => running.seen.work.length === passes);
    const last = running.seen.work.at(-1);
    if (last === undefined) throw new Error("it did not come");
    expect(await outlet.passOn(last, { delayMs: 100, passes }, NEVER)).toBe("confirmed");
  }
  await eventually(() => running.seen.work.length === 3);
  const came = running.seen.work[2];
  expect(came).toMatchObject({
    body,
    messageId: "c1/step/1",
    type: "ecs.reinstall.step.v7",
    contentType: "application/json",
    headers: { ...headers, "x-ecs-doubt": true, "x-ecs-passes": 2 },
  });
  expect(came?.headers["x-death"]).toEqual([
    expect.objectContaining({ count: 1, queue: "ecs.reinstall.delay.200" }),
  ]);
});

describe("a reply to a queue that never confirms", () => {
  const reply = (id: string, queue: string): Outgoing => ({
    kind: "reply",
    event: anEvent(id),
    queue,
  });
  const given = () => running.log.lines.filter(({ message }) => message === "reply was given up");

  test("is given up in time, and keeps nobody else waiting; the event is not", async () => {
    await observer.channel.assertQueue("replies", {
      durable: true,
      arguments: { "x-queue-type": "quorum" },
    });
    // As a queue that has lost its majority: it is there, and says nothing.
    const server = `'${own.vhost.name}_replies'`;
    await own.rabbit.call(`sys suspend [${server}]`);
    try {
      const startedMs = performance.now();
      const slow = publish({ kind: "event", event: anEvent("c1/1") }, reply("c1/1", "replies"));
      const others = Promise.all(
        Array.from({ length: 5 }, (_, n) => publish(step(`other-${n}`, 0))),
      );
      expect(await others).toEqual(Array(5).fill("confirmed"));
      expect(given()).toEqual([]);
      expect(await slow).toBe("confirmed");
      expect(performance.now() - startedMs).toBeLessThan(own.settings.confirmTimeoutMs * 2);
      expect(given()).toMatchObject([{ fields: { queue: "replies", why: "unconfirmed" } }]);
      // For a while nobody waits for it at all.
      expect(await publish(reply("c2/1", "replies"))).toBe("confirmed");
      expect(given()).toHaveLength(2);
      expect(running.log.lines.some(({ fields }) => fields.channel === "publisher")).toBe(false);
    } finally {
      await own.rabbit.call(`sys resume [${server}]`);
    }
  });
});
