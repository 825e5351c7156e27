import { setTimeout as sleep } from "node:timers/promises";
import { commandId, reinstallCommand, startEmitter } from "../test/support/emitter/emitter.ts";
import { type Tally, tallyOf } from "../test/support/emitter/tally.ts";
import type { Bench, BenchCase } from "./case.ts";
import { memoryOf } from "./support/memory.ts";
import { startWorker } from "./support/worker.ts";

const COMMANDS = 20_000;
const JOB_MS = 60_000;
const MEASURED_MS = 120_000;
/** Published at the same time: the broker confirms them. */
const AT_ONCE = 500;
const TAKEN_WITHIN_MS = 40 * 60_000;

/** What one of these commands needs of the cloud: two looks, the POST, and two that ask how its job stands. */
const CALLS_FOR_ONE = 5;
const LEAST_S = (COMMANDS * CALLS_FOR_ONE) / 50 + JOB_MS / 1_000;
/** Twice the least: later than that it is not waited for. */
const ENDED_WITHIN_MS = 2 * LEAST_S * 1_000;

/** As config/default.yaml has it; so are the brakes of the second column. */
const DEFAULTS = {
  ECS_REQUESTS_PER_SECOND: "50",
  ECS_REQUEST_BURST: "50",
  PREFETCH: "10",
  POLL_INTERVALS_MS: "2000,5000,10000,30000,60000",
};
const SETTINGS = {
  "brakes off": { ...DEFAULTS, BRAKES_MAX_RUNNING: "1000", BRAKES_STORM_ASKS: "0" },
  "default brakes": { ...DEFAULTS, BRAKES_MAX_RUNNING: "10", BRAKES_STORM_ASKS: "20" },
};

export const backlog: BenchCase = {
  name: "backlog",
  title: "A backlog of 20 000 commands",
  compared: "default brakes",
  isLong: true,
  method: `${COMMANDS} commands at once, for servers that are shut off, on one worker with the default settings; jobs of ${JOB_MS / 1_000} s. *Brakes off*: a cap of 1 000 and no storm of asks; the request budget (50 in a second) stays. From the first publish until something was heard of every command; then ${MEASURED_MS / 1_000} s are measured; the first jobs end within them. The rest is waited for with \`--long\` and with the brakes off alone: *least* is what the calls need at 50 a second, ${CALLS_FOR_ONE} for a command, and one job. On real servers: the simulation has no request budget. Memory is that of the whole process; of RabbitMQ and Redis what they use more than before.`,
  bounds:
    "Every command is taken once, gets its place in the line and an event that says what it waits for. From then on each comes back from a delay queue, after a minute where more than 1 500 stand before it, by a queue of their own. Where more of them come back than the worker settles, that queue grows, and those that wait are late; the steps of commands in work are not behind them, and how many end is bounded by the request budget or the cap.",
  async run(bench) {
    const rows = new Map<string, { readonly unit: string; values: Record<string, number> }>();
    for (const [name, env] of Object.entries(SETTINGS)) {
      bench.say(name);
      const toTheEnd = bench.long && name === "brakes off";
      for (const [what, unit, value] of await playBacklog(bench, env, toTheEnd)) {
        const row = rows.get(what) ?? { unit, values: {} };
        row.values[name] = value;
        rows.set(what, row);
      }
    }
    return [...rows].map(([what, row]) => ({ what, ...row }));
  },
};

type Row = readonly [what: string, unit: string, value: number];

async function playBacklog(
  bench: Bench,
  env: Readonly<Record<string, string>>,
  toTheEnd: boolean,
): Promise<readonly Row[]> {
  const stage = await bench.stage({ jobDurationMs: JOB_MS });
  const worker = await startWorker(stage, env);
  const emitter = await startEmitter(stage.amqpUrl);
  const tally = tallyOf(emitter);
  const now = async () => ({
    atMs: performance.now(),
    cpu: await worker.cpuSeconds(),
    deliveries: await worker.metric("ecs_reinstall_deliveries_total"),
    queued: await worker.metric("ecs_reinstall_queue_messages", 'queue="work"'),
    waiting: await worker.metric("ecs_reinstall_queue_messages", 'queue="work-waiting"'),
    calls: Object.values(stage.cloud.calls()).reduce((sum, count) => sum + count, 0),
    ends: tally.ends(),
    memory: await memoryOf(bench, worker),
  });

  const empty = await now();
  for (let sent = 0; sent < COMMANDS; sent += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, (_, index) =>
      reinstallCommand(
        commandId(`backlog-${sent + index}`),
        stage.cloud.addServer({ state: "SHUTOFF" }).id,
      ),
    );
    await Promise.all(batch.map((command) => emitter.send(command)));
  }
  while (tally.seen() < COMMANDS) {
    bench.say(`${tally.seen()} of ${COMMANDS} taken`);
    if (performance.now() - empty.atMs > TAKEN_WITHIN_MS) {
      throw new Error(`${tally.seen()} of ${COMMANDS} commands taken in ${TAKEN_WITHIN_MS} ms`);
    }
    await sleep(5_000);
  }
  const before = await now();
  await sleep(MEASURED_MS);
  const after = await now();
  const whole = toTheEnd ? await playToTheEnd(bench, tally, empty.atMs) : [];
  await emitter.close();
  await worker.stop();
  await stage.close();
  const seconds = (after.atMs - before.atMs) / 1_000;
  const inOne = (of: "cpu" | "deliveries" | "calls" | "ends") => (after[of] - before[of]) / seconds;
  return [
    ["until something was heard of every command", "s", (before.atMs - empty.atMs) / 1_000],
    ["CPU for that, for one command", "ms", ((before.cpu - empty.cpu) * 1_000) / COMMANDS],
    ["then: deliveries in a second", "1/s", inOne("deliveries")],
    ["then: messages that are ready in the work queue", "", after.queued],
    ["the same of those that wait", "", after.waiting],
    ["then: calls of the cloud in a second", "1/s", inOne("calls")],
    ["then: commands that end in an hour", "", inOne("ends") * 3_600],
    ["then: CPU of one core", "%", inOne("cpu") * 100],
    ["worker, without commands", "MiB", empty.memory.worker],
    ["worker", "MiB", after.memory.worker],
    ["RabbitMQ, more than without commands", "MiB", after.memory.broker - empty.memory.broker],
    ["Redis, more than without commands", "MiB", after.memory.store - empty.memory.store],
    ["`waiting` events of the command that has most", "", tally.mostWaiting()],
    ...whole,
  ];
}

async function playToTheEnd(bench: Bench, tally: Tally, beganMs: number): Promise<readonly Row[]> {
  while (tally.ends() < COMMANDS) {
    bench.say(`${tally.ends()} of ${COMMANDS} ended`);
    if (performance.now() - beganMs > ENDED_WITHIN_MS) {
      throw new Error(`${tally.ends()} of ${COMMANDS} commands ended in ${ENDED_WITHIN_MS} ms`);
    }
    await sleep(10_000);
  }
  return [
    ["until every command had ended, least", "s", LEAST_S],
    ["until every command had ended", "s", (performance.now() - beganMs) / 1_000],
    ["commands that ended, but not as `succeeded`", "", COMMANDS - tally.ends("succeeded")],
  ];
}
