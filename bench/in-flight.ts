import type { Bench, BenchCase, Figure } from "./case.ts";
import { openEmitter } from "./support/emitter.ts";
import { memoryOf, MIB } from "./support/memory.ts";
import { COLLECTABLE, startWorker, type Worker } from "./support/worker.ts";

/** They end. By then V8 has taken what it needs for this much work at once: with 200 it has not. */
const WARM_UP = 2_000;
/** What Node.js gives the heap in the chart's container (384Mi). Without a container it takes that from the machine's memory. */
const CHART_HEAP = "--max-old-space-size=256";
const DEFAULT_POLLS = "2000,5000,10000,30000,60000";
/** About as many polls of 50 000 jobs as of 10 000: with the default their polls alone would be 830 in a second. */
const RARE_POLLS = `${DEFAULT_POLLS},240000`;
const MEASURED_MS = 60_000;
/** In one project: the highest cap that there is. */
const MOST_RUNNING = 1_000;

export const inFlight: BenchCase = {
  name: "in-flight",
  title: "Many jobs in flight",
  method: `10 000 jobs (with \`--long\` 50 000 as well) that do not end, on one worker with the default delay ladder, 1 000 in each project as the cap allows, after ${WARM_UP} commands that end, to warm up. 50 000 are polled every four minutes at last. When the last one is submitted, ${MEASURED_MS / 1000} s are measured. Memory is that of the whole process (resident); of the worker it is shown before the jobs as well, for what they add. *In use* is what is left of the worker's heap and buffers after a collection right then. Its heap is that of the chart's container: on a machine with 24 GiB and no container it showed 289 MiB warm, and 339 MiB with 10 000 jobs. The request budget is set high: these are not the polls that a real quota would allow.`,
  bounds:
    "Between two polls a job is a message in a delay queue: it costs the broker and Redis a few KiB each, and the worker its line in the last list of the project's servers. What a worker has of the system besides is V8's: it collects later where it may have more. A poll costs a delivery, two scripts, a request and a publish. The default request budget (50 in a second) is reached long before.",
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
    POLL_INTERVALS_MS: jobs > 10_000 ? RARE_POLLS : DEFAULT_POLLS,
    ...(jobs > 10_000 ? { SWEEP_AFTER_MS: "540000" } : {}),
    NODE_ARGS: `${COLLECTABLE} ${CHART_HEAP}`,
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
    figure("worker, more than warm", "MiB", full.worker - warm.worker),
    figure("worker, in use, more than warm", "MiB", full.inUse - warm.inUse),
    figure("worker, in use", "MiB", full.inUse),
    figure("RabbitMQ, more than without jobs", "MiB", full.broker - warm.broker),
    figure("Redis, more than without jobs", "MiB", full.store - warm.store),
    figure("polls in a second", "1/s", polled / seconds),
    figure("CPU for one poll", "ms", (cpu * 1000) / polled),
    figure("CPU of one core", "%", (100 * cpu) / seconds),
  ];
}

/** MiB. */
async function memory(bench: Bench, worker: Worker) {
  const used = await memoryOf(bench, worker);
  const { heapUsed, external } = await worker.collectedMemory();
  return { ...used, inUse: (heapUsed + external) / MIB };
}
