import { request as httpRequest } from "node:http";
import amqp from "amqplib";
import { Redis } from "ioredis";
import { Pool } from "undici";
import { childOrder, childReady } from "./child.ts";

/*
 * The same I/O as the worker's, and nothing else: no schema, no decision, no state, no log. A command is a chain of
 * deliveries; to each belong its share of the scripts, of the GETs and of the publishes that were counted, each awaited
 * before the next, as the worker must. The POST goes out on a connection of its own, in the middle of the chain.
 */

const { amqpUrl, redisUrl, cloudUrl, each } = childOrder();
const PREFETCH = 50;
const SCRIPT = "redis.call('HSET', KEYS[1], 'a', ARGV[1]) return ARGV[2]";
const ANSWER = JSON.stringify({ kind: "claimed", text: "x".repeat(200) });
const EVENT = Buffer.alloc(700, "x");
const MESSAGE = Buffer.alloc(1_500, "x");
const EVENTS = "ecs.reinstall.events";
const COMMANDS = "ecs.reinstall.commands";
const WORK = "bench.work";

// Two connections, as the worker has: a broker that blocks publishers must not block acknowledgements.
const consuming = await (await amqp.connect(amqpUrl)).createChannel();
const publishing = await (await amqp.connect(amqpUrl)).createConfirmChannel();
const quorum = { durable: true, arguments: { "x-queue-type": "quorum" } };
for (const exchange of [EVENTS, COMMANDS]) {
  await consuming.assertExchange(exchange, "topic", { durable: true });
}
await consuming.assertQueue(COMMANDS, quorum);
await consuming.bindQueue(COMMANDS, COMMANDS, "#");
await consuming.assertQueue(WORK, quorum);
const store = new Redis(redisUrl);
const sha = String(await store.script("LOAD", SCRIPT));
const payload = "x".repeat(Math.max(1, Math.round(each.scriptBytes)));
const cloud = new Pool(cloudUrl, { connections: 8 });

/** Which part of the chain a delivery is: the command's number, the step, how many steps there are. */
interface Link {
  readonly command: number;
  readonly step: number;
  readonly of: number;
}

let commands = 0;
await consuming.prefetch(PREFETCH);
for (const queue of [COMMANDS, WORK]) {
  await consuming.consume(queue, (message) => {
    if (message === null) return;
    take(message).catch((error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    });
  });
}
childReady();

async function take(message: amqp.ConsumeMessage): Promise<void> {
  const link = linkOf(message);
  const share = (mean: number) => {
    const total = whole(mean, link.command);
    return (
      Math.floor((total * (link.step + 1)) / link.of) - Math.floor((total * link.step) / link.of)
    );
  };
  const scripts = share(each.scripts);
  for (let i = 0; i < scripts; i++) {
    await store.evalsha(sha, 1, `bench:${link.command}`, payload, ANSWER);
  }
  for (let i = share(each.gets); i > 0; i--) {
    const { body } = await cloud.request({ path: "/", method: "GET" });
    await body.text();
  }
  if (link.step === Math.floor(link.of / 2)) await post();
  const isLast = link.step === link.of - 1;
  // The next message is one of the publishes of each delivery but the last.
  const events = Math.max(0, whole(each.publishes, link.command) - (link.of - 1));
  const until = Math.floor((events * (link.step + 1)) / link.of);
  for (let i = Math.floor((events * link.step) / link.of); i < until; i++) {
    await publish(EVENTS, isLast && i === until - 1 ? "bench.succeeded" : "bench.progress", EVENT);
  }
  if (!isLast) {
    await publish("", WORK, MESSAGE, { ...link, step: link.step + 1 });
  }
  consuming.ack(message);
}

function linkOf({ properties }: amqp.ConsumeMessage): Link {
  const link = properties.headers?.["link"] as Link | undefined;
  if (link !== undefined) return link;
  const command = commands++;
  return { command, step: 0, of: Math.max(2, whole(each.deliveries, command)) };
}

/** A mean of 4.3 is 4 for seven commands of ten, and 5 for the others. */
function whole(mean: number, command: number): number {
  return Math.floor((command + 1) * mean) - Math.floor(command * mean);
}

async function publish(exchange: string, key: string, body: Buffer, link?: Link): Promise<void> {
  const options = {
    persistent: true,
    mandatory: exchange === "",
    messageId: "bench/1",
    contentType: "application/json",
    ...(link === undefined ? {} : { headers: { link } }),
  };
  await new Promise<void>((resolve, reject) => {
    publishing.publish(exchange, key, body, options, (error: unknown) =>
      error === null ? resolve() : reject(new Error("nack", { cause: error })),
    );
  });
}

async function post(): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const sent = httpRequest(cloudUrl, { method: "POST", agent: false }, (answer) => {
      answer.resume();
      answer.once("end", resolve);
    });
    sent.once("error", reject);
    sent.end(EVENT);
  });
}
