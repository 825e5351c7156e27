import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import amqp from "amqplib";
import Table from "cli-table3";
import { Redis } from "ioredis";
import { Pool } from "undici";
import {
  DEFAULT_ACCESS_KEY,
  DEFAULT_PROJECT_ID,
  DEFAULT_SECRET_KEY,
} from "../src/simulator/defaults.ts";
import { startSimulator } from "../src/simulator/server.ts";
import { freePort } from "../test/support/free-port.ts";
import { startRabbitMq } from "../test/support/rabbitmq.ts";
import { startRedis } from "../test/support/redis.ts";

/*
 * How much of the time is ours? The worker takes commands through all their steps; beside it, in the same run and on
 * the same RabbitMQ, Redis and simulated cloud, a bare loop does the same I/O for each step (two scripts, the cloud
 * calls, the confirmed publishes, the ack) and nothing else: no schema, no decision, no state.
 */

const COMMANDS = Number(process.env["BENCH_COMMANDS"] ?? 300);
const JOB_MS = 1;
const LADDER = "50,100,200";

const [rabbitMq, redis] = await Promise.all([startRabbitMq(), startRedis()]);
const simulator = await startSimulator({ jobDurationMs: JOB_MS });
const children: ChildProcess[] = [];
try {
  const worker = await benchWorker();
  const steps = worker.steps / COMMANDS;
  const bare = await benchBareLoop(Math.round(worker.steps));
  const table = new Table({
    head: ["", "steps", "seconds", "steps/s", "commands/s"],
    colAligns: ["left", "right", "right", "right", "right"],
  });
  const row = (name: string, count: number, seconds: number) =>
    table.push([
      name,
      String(count),
      seconds.toFixed(2),
      (count / seconds).toFixed(0),
      (count / seconds / steps).toFixed(1),
    ]);
  row("worker", worker.steps, worker.seconds);
  row("bare loop, same I/O", worker.steps, bare);
  console.log(table.toString());
  console.log(
    `${COMMANDS} commands, ${steps.toFixed(1)} steps each; the worker takes ${(worker.seconds / bare).toFixed(2)} times as long as the bare loop. ` +
      `Memory of the worker at the end: ${worker.rssMb.toFixed(0)} MB.`,
  );
} finally {
  for (const child of children) child.kill("SIGKILL");
  await simulator.close();
  await Promise.all([rabbitMq.stop(), redis.stop()]);
}

async function benchWorker(): Promise<{ steps: number; seconds: number; rssMb: number }> {
  const connection = await amqp.connect(rabbitMq.url);
  const channel = await connection.createConfirmChannel();
  await channel.assertExchange("ecs.reinstall.events", "topic", { durable: true });
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, "ecs.reinstall.events", "#.succeeded");
  let ended = 0;
  let allEnded = () => {};
  const finished = new Promise<void>((resolve) => {
    allEnded = resolve;
  });
  await channel.consume(queue, () => ++ended === COMMANDS && allEnded(), { noAck: true });

  const port = await freePort();
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("../dist/main.js", import.meta.url))],
    {
      stdio: "ignore",
      env: {
        PATH: process.env["PATH"],
        LOG_LEVEL: "error",
        AMQP_URL: rabbitMq.url,
        REDIS_URL: redis.url,
        ECS_ENDPOINT: simulator.url,
        IAM_ENDPOINT: simulator.url,
        ECS_PROJECTS: DEFAULT_PROJECT_ID,
        ECS_ACCESS_KEY: DEFAULT_ACCESS_KEY,
        ECS_SECRET_KEY: DEFAULT_SECRET_KEY,
        ECS_REQUESTS_PER_SECOND: "10000",
        ECS_REQUEST_BURST: "10000",
        POLL_INTERVALS_MS: LADDER,
        // How fast the worker itself is, not how careful.
        BRAKES_MAX_RUNNING: "1000",
        HTTP_PORT: String(port),
      },
    },
  );
  children.push(child);
  const metrics = async () => await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  while (!(await isReady(port))) await new Promise((resolve) => setTimeout(resolve, 50));

  const startedMs = performance.now();
  for (let i = 0; i < COMMANDS; i++) {
    const server = simulator.addServer({ state: "SHUTOFF" });
    const body = {
      command_id: `bench-${i}`,
      server_id: server.id,
      "os-reinstall": { keyname: "KeyPair-350b", userid: "7e25b1da389f4697a79df3a0e5bd494e" },
    };
    channel.publish("ecs.reinstall.commands", "reinstall", Buffer.from(JSON.stringify(body)), {
      contentType: "application/json",
      persistent: true,
    });
  }
  await finished;
  const seconds = (performance.now() - startedMs) / 1000;
  const page = await metrics();
  const steps = sumOf(page, "ecs_reinstall_deliveries_total");
  const rssMb = sumOf(page, "process_resident_memory_bytes") / 1e6;
  child.kill("SIGTERM");
  await new Promise((resolve) => child.once("exit", resolve));
  await connection.close();
  return { steps, seconds, rssMb };
}

/** As many steps as the worker took, ten at a time as it does: two round trips to Redis, one to the cloud, two confirmed publishes, one ack. */
async function benchBareLoop(steps: number): Promise<number> {
  const connection = await amqp.connect(rabbitMq.url);
  const channel = await connection.createConfirmChannel();
  const options = { durable: true, arguments: { "x-queue-type": "quorum" } };
  await channel.assertQueue("bench.in", options);
  await channel.assertQueue("bench.out", options);
  const store = new Redis(redis.url);
  const cloud = new Pool(simulator.url, { connections: 8 });
  const body = Buffer.alloc(1_500, "x");
  const publish = (queue: string) =>
    new Promise<void>((resolve, reject) => {
      channel.sendToQueue(queue, body, { persistent: true, mandatory: true }, (error: unknown) =>
        error === null ? resolve() : reject(new Error("nack", { cause: error })),
      );
    });
  await Promise.all(Array.from({ length: steps }, () => publish("bench.in")));
  await channel.prefetch(10);
  const startedMs = performance.now();
  await new Promise<void>((resolve, reject) => {
    let done = 0;
    const step = async (message: amqp.ConsumeMessage) => {
      await store.eval("return redis.call('HSET', KEYS[1], 'a', ARGV[1])", 1, `b:${done}`, "claim");
      await (await cloud.request({ path: "/_sim/health", method: "GET" })).body.dump();
      await store.eval(
        "return redis.call('HSET', KEYS[1], 'a', ARGV[1])",
        1,
        `b:${done}`,
        body.toString(),
      );
      await publish("bench.out");
      await publish("bench.out");
      channel.ack(message);
      if (++done === steps) resolve();
    };
    channel
      .consume("bench.in", (message) => {
        if (message !== null) step(message).catch(reject);
      })
      .catch(reject);
  });
  const seconds = (performance.now() - startedMs) / 1000;
  store.disconnect();
  await cloud.close();
  await connection.close();
  return seconds;
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  } catch {
    // Not listening yet.
    return false;
  }
}

/** Sum of all samples of one metric on a Prometheus page. */
function sumOf(page: string, name: string): number {
  return page
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
