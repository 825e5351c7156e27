import type { Bench, BenchCase, Figure } from "./case.ts";
import { openEmitter } from "./support/emitter.ts";
import { redisMemory } from "./support/redis-memory.ts";
import { startWorker } from "./support/worker.ts";

const WARM_UP = 200;
const MEASURED_MS = 60_000;
/** In one project: the highest cap that there is. */
const MOST_RUNNING = 1_000;
const MIB = 2 ** 20;

export const inFlight: BenchCase = {
  name: "in-flight",
  title: "Many jobs in flight",
  method: `10 000 jobs (with \`--long\` 50 000 as well) that do not end, on one worker with the default delay ladder, 1 000 in each project as the cap allows, after ${WARM_UP} commands to warm up. When the last one is submitted, ${MEASURED_MS / 1000} s are measured. Memory is that of the whole process; of the worker it is shown before the jobs as well, for what they add. The request budget is set high: these are not the polls that a real quota would allow.`,
  bounds:
    "Between two polls a job is a message in a delay queue: it costs the worker nothing, the broker and Redis a few KiB each. A poll costs a delivery, two scripts, a request and a publish. The default request budget (50 in a second) is reached long before.",
  async run(bench) {
    const figures: Figure[] = [];
    for (const jobs of bench.long ? [10_000, 50_000] : [10_000]) {
      figures.push(...(await ofJobs(bench, jobs)));
    }
    return figures;
  },
};

async function ofJobs(bench: Bench, jobs: number): Promise<readonly Figure[]> {
  const projects = Array.from({ length: jobs / MOST_RUNNING }, (_, index) =>
    index.toString(16).padStart(32, "0"),
  );
  const stage = await bench.stage({
    jobDurationMs: 1,
    projects: projects.map((id) => ({ id, name: id })),
  });
  const worker = await startWorker(stage, {
    ECS_PROJECTS: projects.join(","),
    BRAKES_MAX_RUNNING: String(MOST_RUNNING),
    POLL_INTERVALS_MS: "2000,5000,10000,30000,60000",
  });
  const emitter = await openEmitter(stage.amqpUrl, stage.cloud);
  const send = (index: number) => emitter.send(projects[index % projects.length]);
  for (let i = 0; i < WARM_UP; i++) send(i);
  await emitter.succeeded(WARM_UP);
  const warm = await memory(bench, worker);
  stage.cloud.faults.set({ operation: "reinstall", run: { jobStuck: true } });
  for (let i = 0; i < jobs; i++) send(i);
  while (stage.cloud.calls().reinstall < WARM_UP + jobs) {
    bench.say(`${stage.cloud.calls().reinstall - WARM_UP} of ${jobs} submitted`);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
  }
  const [cpuBefore, polls] = [await worker.cpuSeconds(), stage.cloud.calls().job];
  const startedMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, MEASURED_MS));
  const seconds = (performance.now() - startedMs) / 1000;
  const polled = stage.cloud.calls().job - polls;
  const cpu = (await worker.cpuSeconds()) - cpuBefore;
  const full = await memory(bench, worker);
  await emitter.close();
  await worker.stop();
  await stage.close();
  const figure = (what: string, unit: string, value: number) => ({
    what: `${jobs} jobs: ${what}`,
    unit,
    values: { worker: value },
  });
  return [
    figure("worker, warm and without jobs", "MiB", warm.worker),
    figure("worker", "MiB", full.worker),
    figure("RabbitMQ, more than without jobs", "MiB", full.broker - warm.broker),
    figure("Redis, more than without jobs", "MiB", full.store - warm.store),
    figure("polls in a second", "1/s", polled / seconds),
    figure("CPU for one poll", "ms", (cpu * 1000) / polled),
    figure("CPU of one core", "%", (100 * cpu) / seconds),
  ];
}

/** MiB. */
async function memory({ rabbitMq, redis }: Bench, worker: Awaited<ReturnType<typeof startWorker>>) {
  const [node] = (await rabbitMq.api("GET", "/nodes")) as { mem_used: number }[];
  return {
    worker: (await worker.metric("process_resident_memory_bytes")) / MIB,
    broker: (node?.mem_used ?? 0) / MIB,
    store: (await redisMemory(redis)) / MIB,
  };
}
