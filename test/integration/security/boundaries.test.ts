import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_AMQP_SETTINGS } from "../../support/rabbitmq/amqp-settings.ts";
import { topologyOf } from "../../../src/adapters/amqp/topology/topology.ts";
import {
  documentedRabbitMqRights,
  makeRabbitMqUser,
  makeRedisUser,
  removeRabbitMqUser,
  removeRedisUser,
} from "../../support/rabbitmq/documented-users.ts";
import { type SharedServices, sharedServices } from "../../support/services.ts";
import { declareBeforehand, onChannel, onRedis, topologyAs } from "./ground.ts";

let services: SharedServices;

beforeAll(async () => {
  services = await sharedServices();
  await declareBeforehand(services.rabbitMq.url);
});
afterAll(() => services?.close());

describe("what the documented rights leave out", () => {
  it.each([
    [
      "ecs-worker",
      ["FLUSHALL"],
      ["KEYS", "*"],
      ["CONFIG", "GET", "*"],
      ["ACL", "LIST"],
      ["SET", "a", "1"],
    ],
    [
      "ecs-operator",
      ["HINCRBY", "ecs:{p}:lock:s", "token", "1"],
      ["SET", "ecs:{p}:token", "1"],
      ["FLUSHDB"],
    ],
    [
      "ecs-neighbour",
      ["HGET", "ecs:{p}:cmd:c", "order"],
      ["SET", "ecs:{p}:token", "1"],
      // Not its own, though it must read another one: the epoch.
      ["DEL", "ecs:{p}:pauses"],
    ],
  ])("keeps the Redis user %s from the rest", async (user, ...attempts) => {
    const url = await makeRedisUser(services.redis.url, user, ["+select"]);
    await onRedis(url, async (client) => {
      for (const [name = "", ...args] of attempts) {
        await expect(client.call(name, ...args), name).rejects.toThrow("NOPERM");
      }
    });
    await removeRedisUser(services.redis.url, url);
  });

  it.each([
    ["take work out of a queue", "consume"],
    ["put a step into the internal queues", "step"],
    ["publish under another key", "key"],
    ["publish events", "event"],
    ["make a queue", "declare"],
    ["remove the queue of commands", "delete"],
  ])("keeps an emitter from being able to %s", async (_what, attempt) => {
    const url = await makeRabbitMqUser(services.rabbitMq, "ecs-emitter");
    await onChannel(url, async (channel) => {
      const refused = new Promise<Error>((resolve) => channel.once("error", resolve));
      const body = Buffer.from("{}");
      const tries: Record<string, () => unknown> = {
        consume: () => channel.consume("ecs.reinstall.commands", () => undefined),
        step: () => channel.publish("", "ecs.reinstall.work", body),
        key: () => channel.publish("ecs.reinstall.commands", "anything", body),
        event: () => channel.publish("ecs.reinstall.events", "p.s.succeeded", body),
        declare: () => channel.assertQueue("mine"),
        delete: () => channel.deleteQueue("ecs.reinstall.commands"),
      };
      await Promise.resolve(tries[attempt]?.()).catch(() => undefined);
      expect((await refused).message).toContain("ACCESS_REFUSED");
    });
    await removeRabbitMqUser(services.rabbitMq, url);
  });

  it("gives every user of the list at least one right", () => {
    for (const { configure, write, read } of documentedRabbitMqRights().values()) {
      expect([configure, write, read].some((pattern) => pattern !== "^$")).toBe(true);
    }
  });
});

describe("the topology for brokers where applications declare nothing", () => {
  const example: unknown = JSON.parse(
    readFileSync(
      new URL("../../../config/rabbitmq-topology.example.json", import.meta.url),
      "utf8",
    ),
  );

  it("is what the worker would declare", () => {
    const plan = topologyOf(DEFAULT_AMQP_SETTINGS);
    expect(example).toEqual({
      exchanges: plan.exchanges.map(({ name }) => ({
        name,
        type: "topic",
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: {},
      })),
      queues: plan.queues.map((queue) => ({
        name: queue.name,
        durable: true,
        auto_delete: false,
        arguments: queue.arguments,
      })),
      bindings: plan.bindings.map(({ queue, exchange, key }) => ({
        source: exchange,
        destination: queue,
        destination_type: "queue",
        routing_key: key,
        arguments: {},
      })),
    });
  });

  it("can be imported, and a worker of either kind takes it for its own", async () => {
    const fresh = await sharedServices();
    const { rabbitMq } = fresh;
    await rabbitMq.api("POST", `/definitions/${encodeURIComponent(rabbitMq.vhost)}`, example);
    for (const [user, declare] of [
      ["ecs-worker", true],
      ["ecs-worker-no-declare", false],
    ] as const) {
      const url = await makeRabbitMqUser(rabbitMq, user);
      expect(await topologyAs(url, { declare })).toEqual({ kind: "ready", createdFresh: false });
      await removeRabbitMqUser(rabbitMq, url);
    }
    await fresh.close();
  });
});
