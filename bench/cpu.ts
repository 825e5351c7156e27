import type { Bench, BenchCase, Figure, Stage } from "./case.ts";
import type { BareName, ChildOrder } from "./bare/child.ts";
import { startBareCloud } from "./support/bare-cloud.ts";
import { startBare } from "./support/bare-program.ts";
import { openBullMqEmitter } from "./support/bullmq-emitter.ts";
import { type Counted, countedOf, each } from "./support/counted.ts";
import { type Emitter, openEmitter } from "./support/emitter.ts";
import { cpuMsEach } from "./support/program.ts";
import { redisMemory } from "./support/redis-memory.ts";
import { startWorker } from "./support/worker.ts";

/** As many as may be in work at once: none waits for the cap. */
const COMMANDS = 1_000;
/** Rounds of as many before anything is counted. After 300 commands V8 is still compiling the worker, which has more code than the loop. */
const ROUNDS_TO_WARM_UP = 3;
const WARM_UP = ROUNDS_TO_WARM_UP * COMMANDS;

export const cpu: BenchCase = {
  name: "cpu",
  title: "CPU for one command",
  method: `${COMMANDS} commands at once, after ${WARM_UP} to warm up, for servers that are shut off; jobs of 1 ms, prefetch 50, no brake that holds anybody back. CPU is user and system time of the whole process. What the worker asked of Redis (\`INFO commandstats\`), of the simulated cloud (its own count) and of RabbitMQ (the worker's metrics) is counted, and how much more memory Redis uses when all have ended; then the *bare loop*, a process of its own without schema, decision, state or log, does exactly that many deliveries, scripts with arguments of that size, GETs, POSTs on a connection of their own and confirmed publishes, one after the other within a command as the worker must. *Naive* is bare amqplib: take, POST, ask once, publish without a confirm, acknowledge; no Redis, and a second POST after every crash. *BullMQ* does the same as a job of its own for each command, in a queue on the same Redis, with the library's defaults, 50 at once: its messages and states are there, and RabbitMQ has no part in it. A second POST after a crash is sent here, too.`,
  bounds:
    "One thread of JavaScript. About a third is the I/O that the bare loop has, too. By profile the rest has no large part: calls of write (a quarter of all with the I/O), the cloud's answers and their schemas, signing, the connection of its own for each POST, the scripts' arguments, each below a tenth. More workers share the load; nothing in one is shared with another.",
  async run(bench) {
    const { counted, worker, keptKib } = await ofWorker(bench);
    const costs = {
      worker,
      "bare loop": await ofBare(bench, "loop", counted),
      naive: await ofBare(bench, "naive", counted),
      BullMQ: await ofBare(bench, "bullmq", counted),
    };
    const row = (what: string, unit: string, of: (cost: Cost) => number): Figure => ({
      what,
      unit,
      values: Object.fromEntries(Object.entries(costs).map(([name, cost]) => [name, of(cost)])),
    });
    return [
      row("CPU for one command", "ms", ({ cpuMs }) => cpuMs),
      row("commands in a second", "1/s", ({ perSecond }) => perSecond),
      ...countsOf(counted),
      {
        what: "Redis memory for one command that has ended",
        unit: "KiB",
        values: { worker: keptKib },
      },
    ];
  },
};

interface Cost {
  readonly cpuMs: number;
  readonly perSecond: number;
}

async function ofWorker(bench: Bench) {
  const stage = await bench.stage({ jobDurationMs: 1 });
  const worker = await startWorker(stage, nodeArgs());
  const emitter = await openEmitter(stage.amqpUrl, stage.cloud);
  bench.say("the worker");
  let before: Counted | undefined;
  let keptBefore = 0;
  const cost = await costOf(emitter, worker, async () => {
    before = await countedOf(bench, stage, worker);
    keptBefore = await redisMemory(bench.redis);
  });
  const after = await countedOf(bench, stage, worker);
  const keptKib = ((await redisMemory(bench.redis)) - keptBefore) / COMMANDS / 1024;
  await emitter.close();
  await worker.stop();
  await stage.close();
  return { counted: each(before ?? after, after, COMMANDS), worker: cost, keptKib };
}

async function ofBare(bench: Bench, name: BareName, counted: Counted): Promise<Cost> {
  const stage: Stage = await bench.stage();
  const bareCloud = await startBareCloud();
  const order: ChildOrder = {
    amqpUrl: stage.amqpUrl,
    redisUrl: stage.redisUrl,
    cloudUrl: bareCloud.url,
    each: { ...counted, scriptBytes: counted.storeBytes / counted.scripts },
  };
  const program = await startBare(name, order);
  const emitter = await (name === "bullmq"
    ? openBullMqEmitter(stage.redisUrl)
    : openEmitter(stage.amqpUrl, stage.cloud));
  bench.say(`bare: ${name}`);
  const cost = await costOf(emitter, program);
  await emitter.close();
  await program.stop();
  bareCloud.close();
  await stage.close();
  return cost;
}

async function costOf(
  emitter: Emitter,
  program: Parameters<typeof cpuMsEach>[0],
  onWarm: () => Promise<void> = async () => {},
): Promise<Cost> {
  for (let round = 1; round <= ROUNDS_TO_WARM_UP; round++) {
    for (let i = 0; i < COMMANDS; i++) emitter.send();
    await emitter.succeeded(round * COMMANDS);
  }
  await onWarm();
  const startedMs = performance.now();
  const cpuMs = await cpuMsEach(program, COMMANDS, async () => {
    for (let i = 0; i < COMMANDS; i++) emitter.send();
    await emitter.succeeded(WARM_UP + COMMANDS);
  });
  return { cpuMs, perSecond: COMMANDS / ((performance.now() - startedMs) / 1000) };
}

function countsOf(counted: Counted): readonly Figure[] {
  const count = (what: string, value: number) => ({ what, unit: "", values: { worker: value } });
  return [
    count("scripts for one command", counted.scripts),
    count("`INFO` within them", counted.infos),
    count("deliveries for one command", counted.deliveries),
    count("publishes for one command", counted.publishes),
    count("calls of the cloud besides the POST", counted.gets),
  ];
}

/** `BENCH_NODE_ARGS="--cpu-prof --cpu-prof-dir=/tmp"`: to see where the time goes. */
function nodeArgs(): Readonly<Record<string, string>> {
  const args = process.env["BENCH_NODE_ARGS"];
  return args === undefined ? {} : { NODE_ARGS: args };
}
