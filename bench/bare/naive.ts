import amqp from "amqplib";
import { Pool } from "undici";
import { childOrder, childReady } from "./child.ts";

/*
 * What is written in an afternoon: take the command, POST, ask for the job until it has ended, publish one event,
 * acknowledge. No Redis, no confirm, no state that outlives the process: a worker that dies sends the POST again.
 */

const { amqpUrl, cloudUrl } = childOrder();
const EVENTS = "ecs.reinstall.events";
const COMMANDS = "ecs.reinstall.commands";

const channel = await (await amqp.connect(amqpUrl)).createChannel();
for (const exchange of [EVENTS, COMMANDS]) {
  await channel.assertExchange(exchange, "topic", { durable: true });
}
await channel.assertQueue(COMMANDS, { durable: true, arguments: { "x-queue-type": "quorum" } });
await channel.bindQueue(COMMANDS, COMMANDS, "#");
const cloud = new Pool(cloudUrl, { connections: 8 });
await channel.prefetch(50);
await channel.consume(COMMANDS, (message) => {
  if (message !== null) void take(message);
});
childReady();

async function take(message: amqp.ConsumeMessage): Promise<void> {
  const command = JSON.parse(message.content.toString()) as { "os-reinstall": object };
  const posted = await cloud.request({
    path: "/",
    method: "POST",
    body: JSON.stringify({ "os-reinstall": command["os-reinstall"] }),
  });
  await posted.body.json();
  const job = await cloud.request({ path: "/", method: "GET" });
  await job.body.json();
  channel.publish(EVENTS, "bench.succeeded", message.content, { persistent: true });
  channel.ack(message);
}
