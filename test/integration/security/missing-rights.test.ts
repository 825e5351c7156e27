import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  documentedRabbitMqRights,
  makeRabbitMqUser,
  makeRedisUser,
  removeRabbitMqUser,
  removeRedisUser,
} from "../../support/rabbitmq/documented-users.ts";
import { commandId } from "../../support/emitter/emitter.ts";
import { eventually } from "../../support/eventually.ts";
import { type SharedServices, sharedServices } from "../../support/services.ts";
import { openStage, type Stage } from "../../support/stage.ts";
import { declareBeforehand, onRedis, stateOf } from "./ground.ts";

let services: SharedServices;
let stage: Stage;

beforeEach(async () => {
  services = await sharedServices();
  await declareBeforehand(services.rabbitMq.url);
  stage = await openStage({
    rabbitMq: services.rabbitMq,
    redisUrl: services.redis.url,
    env: { AMQP_RECONNECT_MAX_MS: "500" },
  });
});
afterEach(async () => {
  await stage?.close();
  await services?.close();
});

const DOCUMENTED = documentedRabbitMqRights().get("ecs-worker");
/** A pattern that matches what another does, except for one name. */
const without = (pattern: string | undefined, name: string) =>
  `^(?!${name.replaceAll(".", "\\.")}$)${String(pattern).slice(1)}`;

describe("a worker that RabbitMQ refuses a right", () => {
  it.each([
    ["configure", "ecs.reinstall.work.dead", "queue 'ecs.reinstall.work.dead'"],
    ["configure", "ecs.reinstall.events", "exchange 'ecs.reinstall.events'"],
    ["read", "ecs.reinstall.commands", "'ecs.reinstall.commands'"],
    ["read", "ecs.reinstall.work.waiting", "'ecs.reinstall.work.waiting'"],
    ["write", "ecs.reinstall.commands", "queue 'ecs.reinstall.commands'"],
    ["write", "amq.default", "exchange 'amq.default'"],
  ] as const)(
    "%s on %s names it, goes on living, and works as soon as it is given",
    async (right, name, said) => {
      await services.rabbitMq.api(
        "DELETE",
        `/queues/${services.rabbitMq.vhost}/ecs.reinstall.work`,
      );
      const pattern = without(DOCUMENTED?.[right], name);
      const url = await makeRabbitMqUser(services.rabbitMq, "ecs-worker", { [right]: pattern });
      const id = await sendOne();
      const worker = await stage.spawnWorker([], { AMQP_URL: url });
      await eventually(async () => expect(await stateOf(worker, "rabbitmq")).toContain(said), {
        timeoutMs: 30_000,
      });
      expect(worker.output()).toContain(said);
      expect(worker.process.ending).toBeUndefined();
      await services.rabbitMq.setPermissions({ user: nameOf(url), ...DOCUMENTED });
      await worker.ready();
      expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
      await stage.audit([id]);
      await worker.kill();
      await removeRabbitMqUser(services.rabbitMq, url);
    },
  );

  it("to publish events says so, and keeps the command until it has it", async () => {
    const pattern = without(DOCUMENTED?.write, "ecs.reinstall.events");
    const url = await makeRabbitMqUser(services.rabbitMq, "ecs-worker", { write: pattern });
    const id = await sendOne();
    const worker = await stage.spawnWorker([], { AMQP_URL: url });
    await eventually(() => expect(worker.output()).toContain("exchange 'ecs.reinstall.events'"));
    await services.rabbitMq.setPermissions({ user: nameOf(url), ...DOCUMENTED });
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    expect(worker.process.ending).toBeUndefined();
    await stage.audit([id]);
    await worker.kill();
    await removeRabbitMqUser(services.rabbitMq, url);
  });

  it("to log in says so without its password, and comes in when the password is right", async () => {
    const url = await makeRabbitMqUser(services.rabbitMq, "ecs-worker");
    const password = new URL(url).password;
    await services.rabbitMq.createUser(nameOf(url), "another");
    const worker = await stage.spawnWorker([], { AMQP_URL: url });
    await eventually(async () =>
      expect(await stateOf(worker, "rabbitmq")).toContain("ACCESS_REFUSED"),
    );
    await services.rabbitMq.createUser(nameOf(url), password);
    await worker.ready();
    expect(worker.output()).not.toContain(password);
    await worker.kill();
    await removeRabbitMqUser(services.rabbitMq, url);
  });
});

describe("a worker that Redis refuses a right", () => {
  it.each([
    ["ZADD", /'ZADD'/, ["-zadd"]],
    ["EVALSHA", /'evalsha'/, ["-evalsha"]],
    ["INFO", /'INFO'/i, ["-info"]],
    ["the keys of its locks", /NOPERM.*keys/, ["resetkeys", "~ecs:{*}:cmd:*"]],
  ])(
    "for %s says so, keeps the command, and goes on as soon as it is given",
    async (_what, said, rules) => {
      const url = await makeRedisUser(services.redis.url, "ecs-worker", ["+select", ...rules]);
      const id = await sendOne();
      const worker = await stage.spawnWorker([], { REDIS_URL: url });
      await eventually(async () => expect(await stateOf(worker, "redis")).toMatch(said), {
        timeoutMs: 30_000,
      });
      // The page is written anew for who asks for it; the log may come a moment later.
      await eventually(() => expect(worker.output()).toMatch(said), { timeoutMs: 30_000 });
      expect(worker.process.ending).toBeUndefined();
      await onRedis(services.redis.url, async (redis) => {
        await redis.call(
          "ACL",
          "SETUSER",
          redisNameOf(url),
          "~ecs:*",
          "+info",
          "+evalsha",
          "+zadd",
        );
      });
      expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
      await worker.ready();
      await stage.audit([id]);
      await worker.kill();
      await removeRedisUser(services.redis.url, url);
    },
  );

  it("to log in says so without its password, and comes in when the password is right", async () => {
    const url = await makeRedisUser(services.redis.url, "ecs-worker", ["+select"]);
    const password = /:([^:@]+)@/.exec(url)?.[1] ?? "";
    const set = (...rules: string[]) =>
      onRedis(services.redis.url, async (redis) => {
        await redis.call("ACL", "SETUSER", redisNameOf(url), "resetpass", ...rules);
      });
    await set(">another");
    const id = await sendOne();
    const worker = await stage.spawnWorker([], { REDIS_URL: url });
    await eventually(async () => expect(await stateOf(worker, "redis")).toContain("WRONGPASS"));
    expect(worker.process.ending).toBeUndefined();
    await set(`>${password}`);
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    await worker.ready();
    expect(worker.output()).not.toContain(password);
    await worker.kill();
    await removeRedisUser(services.redis.url, url);
  });
});

async function sendOne(): Promise<string> {
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const id = commandId("kept");
  await stage.emitter.send(stage.command(id, server.id));
  return id;
}

const nameOf = (url: string) => decodeURIComponent(new URL(url).username);
const redisNameOf = (url: string) => /:\/\/([^:]+):/.exec(url)?.[1] ?? "";
