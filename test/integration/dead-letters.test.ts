import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { openBrokerSession } from "../../src/cli/broker-session.ts";
import type { HeldDead } from "../../src/cli/commands/dead/queue.ts";
import { loadAmqp } from "../../src/config/load.ts";
import { OperatorEvent } from "../../src/contract/operator-event.ts";
import { run } from "../support/processes/child-process.ts";
import { makeRabbitMqUser, removeRabbitMqUser } from "../support/rabbitmq/documented-users.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { BIN } from "../support/operator.ts";
import { nestedHeader, publishRaw } from "../support/emitter/raw-publish.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";
import { onChannel } from "./security/ground.ts";

const QUEUE = "ecs.reinstall.dead";
const SECRET = "cGxhbnRlZC1zZWNyZXQ=";
const WHY = ["--reason", "sent anew", "--by", "ada"];

let stage: SharedStage;
let reader: string;
let returner: string;

beforeAll(async () => {
  stage = await openOnSharedServices();
  await stage.addWorker();
  const { rabbitMq } = stage.services;
  reader = await makeRabbitMqUser(rabbitMq, "ecs-dead-reader");
  returner = await makeRabbitMqUser(rabbitMq, "ecs-dead-returner");
});

afterAll(async () => {
  for (const url of [reader, returner]) await removeRabbitMqUser(stage.services.rabbitMq, url);
  await stage?.close();
});

afterEach(() =>
  onChannel(stage.services.rabbitMq.url, async (channel) => {
    await channel.purgeQueue(QUEUE);
  }),
);

/** `ecs-reinstall dead …` as one of the documented users. */
function dead(user: string, ...args: string[]): Promise<string> {
  const { projectId } = stage.simulator.addServer({ state: "SHUTOFF" });
  const { PATH = "" } = process.env;
  const env = {
    PATH,
    AMQP_URL: user,
    REDIS_URL: stage.services.redis.url,
    ECS_PROJECTS: projectId,
  };
  return run(process.execPath, [BIN, "dead", ...args], { env });
}

interface Row {
  readonly id: string;
  readonly kind: string;
  readonly command_id: string | null;
  readonly deliveries: number;
  readonly origin: Readonly<Record<string, string | null>>;
}

async function listed(user = reader): Promise<readonly Row[]> {
  const answer = JSON.parse(await dead(user, "list", "--json"));
  expect(answer).toMatchObject({ complete: true });
  return answer.dead_letters;
}

/** As `list` does it, without a program of its own each time. */
async function look(): Promise<HeldDead> {
  const loaded = loadAmqp({ AMQP_URL: reader });
  if (loaded.kind === "invalid") throw new Error("its address is valid");
  const session = await openBrokerSession(loaded.amqp);
  try {
    const held = await session.holdDead(100);
    await held.putBack();
    return held;
  } finally {
    await session.close();
  }
}

/** Sends commands that are refused, and waits for their copies. */
async function refused(...names: string[]): Promise<readonly string[]> {
  const ids = names.map((name) => commandId(name));
  for (const id of ids) {
    const metadata = { user_data: SECRET };
    const body = { command_id: id, source: "node-healer", "os-reinstall": { metadata } };
    await onChannel(stage.services.rabbitMq.url, async (channel) => {
      channel.publish("ecs.reinstall.commands", "by.healer", Buffer.from(JSON.stringify(body)), {
        contentType: "application/json",
        appId: "healer",
        userId: new URL(stage.services.rabbitMq.url).username || "guest",
      });
      // Its answer says that what was published before has arrived.
      await channel.checkQueue(QUEUE);
    });
  }
  await eventually(async () => (await waiting()) === ids.length, { timeoutMs: 20_000 });
  return ids;
}

/** Puts a command into the dead queue as it is, as a tool that moves messages does. */
async function putWhole(command: object, properties: object = {}): Promise<void> {
  await onChannel(stage.services.rabbitMq.url, async (channel) => {
    channel.sendToQueue(QUEUE, Buffer.from(JSON.stringify(command)), {
      contentType: "application/json",
      persistent: true,
      timestamp: Math.floor(Date.now() / 1_000),
      ...properties,
    });
    await channel.checkQueue(QUEUE);
  });
  await eventually(async () => (await waiting()) > 0);
}

async function waiting(): Promise<number> {
  let count = 0;
  await onChannel(stage.services.rabbitMq.url, async (channel) => {
    count = (await channel.checkQueue(QUEUE)).messageCount;
  });
  return count;
}

it("list says reason, age and emitter, and takes nothing away, however often it is asked", async () => {
  const ids = await refused("first", "second", "third");
  // RabbitMQ 4 drops what was delivered 21 times in vain, where nothing else is declared.
  for (let looks = 0; looks < 30; looks++) {
    const { letters, complete } = await look();
    expect([letters.map(({ command_id }) => command_id), complete]).toEqual([ids, true]);
  }
  const [row] = await listed();
  expect(row).toMatchObject({
    kind: "copy",
    reason: expect.stringContaining("server_id: missing"),
    source: "node-healer",
    origin: {
      app_id: "healer",
      user_id: expect.stringMatching(/\w/),
      exchange: "ecs.reinstall.commands",
      routing_key: "by.healer",
      queue: "ecs.reinstall.commands",
    },
  });
  const people = await dead(reader, "list");
  expect(people).toMatch(/node-healer, healer, user /);
  for (const said of [people, await dead(reader, "show", row?.id ?? ""), JSON.stringify(row)]) {
    expect(said).not.toContain(SECRET);
  }
  expect(await dead(reader, "show", row?.id ?? "")).toContain("ask source node-healer");
}, 120_000);

it("drop takes only what is named, and everybody hears of it", async () => {
  const [first = "", second = ""] = await refused("dropped", "kept");
  const event = `${first}/1/dead`;
  await expect(dead(reader, "drop", event, ...WHY)).rejects.toThrow("--yes means these 1 dead");
  expect(await waiting()).toBe(2);
  await onChannel(stage.services.rabbitMq.url, async (ears) => {
    const { queue } = await ears.assertQueue("", { exclusive: true });
    await ears.bindQueue(queue, "ecs.reinstall.events", "operator.dead-drop");
    expect(await dead(reader, "drop", event, "--yes", ...WHY)).toBe("1 dead letter dropped\n");
    const heard = await eventually(() => ears.get(queue, { noAck: true }), { timeoutMs: 20_000 });
    expect(OperatorEvent.parse(JSON.parse(heard.content.toString())).data).toMatchObject({
      by: "ada",
      reason: "sent anew",
      command_id: first,
      dead_letters: 1,
    });
  });
  expect((await listed()).map(({ command_id }) => command_id)).toEqual([second]);
  const audit = await fetch(`${stage.workers[0]?.httpUrl}/v1/audit?action=dead-drop`);
  expect(await audit.json()).toMatchObject({ actions: [{ command_id: first, dead_letters: 1 }] });
  expect(await dead(reader, "drop", "--all", "--yes", ...WHY)).toBe("1 dead letter dropped\n");
  expect(await waiting()).toBe(0);
}, 60_000);

it("return publishes one that is whole as the command that it was, and it is carried out once", async () => {
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const id = commandId("returned");
  await putWhole(stage.command(id, server.id), { messageId: "m-1", headers: { CC: ["x"] } });
  await expect(dead(reader, "return", "m-1", "--yes", ...WHY)).rejects.toThrow("ACCESS_REFUSED");
  expect(await waiting()).toBe(1);
  const said = await dead(returner, "return", "m-1", "--yes", ...WHY);
  expect(said).toContain("m-1 is a command again");
  expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
  expect(stage.reinstalls(server.id)).toBe(1);
  expect(await waiting()).toBe(0);
  // The same once more, as a tool that moves messages may bring it: its id is known.
  await putWhole(stage.command(id, server.id), { messageId: "m-1" });
  await dead(returner, "return", "m-1", "--yes", ...WHY);
  await stage.emitter.misuse(id, "duplicate");
  expect(stage.reinstalls(server.id)).toBe(1);
  await stage.audit([id]);
}, 60_000);

it("one whose headers nest too deep is listed and returned like any other", async () => {
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const id = commandId("deep");
  await publishRaw(stage.services.rabbitMq.url, {
    routingKey: QUEUE,
    messageId: "m-deep",
    timestamp: Math.floor(Date.now() / 1_000),
    headers: [nestedHeader("odd", "array", 9_000)],
    body: JSON.stringify(stage.command(id, server.id)),
  });
  expect((await listed()).map((row) => row.id)).toEqual(["m-deep"]);
  expect(await dead(reader, "show", "m-deep")).toContain(id);
  await dead(returner, "return", "m-deep", "--yes", ...WHY);
  expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
  expect(stage.reinstalls(server.id)).toBe(1);
  expect(await waiting()).toBe(0);
}, 120_000);

it("return refuses what came back too often, what has no time, and what is a copy", async () => {
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const command = stage.command(commandId("again"), server.id);
  await putWhole(command, { messageId: "often", headers: { "x-ecs-returned": 3 } });
  await putWhole(command, { messageId: "timeless", timestamp: undefined });
  const [id = ""] = (await refusedBeside("copy")).map((one) => `${one}/1/dead`);
  for (const [letter, why] of [
    ["often", "returned 3 times"],
    ["timeless", "AMQP timestamp"],
    [id, "ask source node-healer"],
  ] as const) {
    await expect(dead(returner, "return", letter, "--yes", ...WHY)).rejects.toThrow(why);
  }
  expect(await waiting()).toBe(3);
  expect(stage.reinstalls(server.id)).toBe(0);
}, 60_000);

/** Like `refused`, where others are in the queue already. */
async function refusedBeside(name: string): Promise<readonly string[]> {
  const before = await waiting();
  const id = commandId(name);
  await stage.emitter.send({ command_id: id, source: "node-healer" });
  await eventually(async () => (await waiting()) > before, { timeoutMs: 20_000 });
  return [id];
}

it("return leaves it where it is while the queue of commands is full, and send says so", async () => {
  const { rabbitMq, redis } = stage.services;
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const id = commandId("full");
  await putWhole(stage.command(id, server.id), { messageId: "m-full" });
  for (const worker of stage.workers) await worker.stop();
  const limit = { pattern: "^ecs\\.reinstall\\.commands$", "apply-to": "queues", priority: 5 };
  const definition = { "max-length": 1, overflow: "reject-publish" };
  const path = `/policies/${rabbitMq.vhost}/full`;
  await rabbitMq.api("PUT", path, { ...limit, definition });
  const env = { PATH: process.env["PATH"] ?? "", AMQP_URL: rabbitMq.url, REDIS_URL: redis.url };
  const send = () =>
    run(process.execPath, [BIN, "send", "--server", server.id, "--dry-run", ...ASKED], { env });
  // One or two fit: the queue looks at its length when a message has come.
  await eventually(
    () =>
      send().then(
        () => false,
        (error: Error) => error.message.includes(FULL),
      ),
    {
      timeoutMs: 30_000,
    },
  );
  const returning = dead(returner, "return", "m-full", "--yes", ...WHY);
  await expect(returning).rejects.toThrow("the broker refused it");
  expect((await listed()).map(({ command_id }) => command_id)).toEqual([id]);
  await rabbitMq.api("DELETE", path);
  await stage.addWorker();
  await dead(returner, "return", "m-full", "--yes", ...WHY);
  expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
  expect(stage.reinstalls(server.id)).toBe(1);
});

const FULL = "it is not queued. Its queue is full";
const ASKED = ["--keyname", "KeyPair-350b", "--userid", "7e25b1da389f4697a79df3a0e5bd494e"];
