import type { Bench, BenchCase } from "./case.ts";
import { startBareCloud } from "./support/bare-cloud.ts";
import { startBare } from "./support/bare-program.ts";
import { type Counted, countedOf, each } from "./support/counted.ts";
import { openEmitter } from "./support/emitter.ts";
import { startWorker } from "./support/worker.ts";

const WARM_UP = 30;
const COMMANDS = 300;

export const latency: BenchCase = {
  name: "latency",
  title: "From publish to POST, when nothing else is to be done",
  method: `${COMMANDS} commands, one at a time, for servers that are shut off; the next one is published when the one before has succeeded. The time is from the publish to the arrival of the POST at the simulated cloud, noticed within 1 ms. What the worker has asked of Redis, the cloud and RabbitMQ up to that point is counted while a POST is held up; the bare loop does that much before its POST.`,
  bounds:
    "Round trips that cannot be made at the same time: the messages are durable on a quorum queue before the next step, the look comes after the lock, the intent before the POST.",
  async run(bench) {
    const stage = await bench.stage({ jobDurationMs: 1 });
    const worker = await startWorker(stage);
    const emitter = await openEmitter(stage.amqpUrl, stage.cloud);
    const arrived = () => stage.cloud.calls().reinstall;
    const measured = await oneByOne(emitter, (sent) => until(() => arrived() >= sent));
    const counted = await untilPost(bench, stage, { worker, emitter });
    await emitter.close();
    await worker.stop();
    await stage.close();
    const bare = await ofBareLoop(bench, counted);
    const figure = (what: string, part: number) => ({
      what,
      unit: "ms",
      values: { worker: quantile(measured, part), "bare loop": quantile(bare, part) },
    });
    return [figure("p50", 0.5), figure("p99", 0.99)];
  },
};

type Emitter = Awaited<ReturnType<typeof openEmitter>>;

/** Times from publish to POST, ms, without those of the warm-up. */
async function oneByOne(
  emitter: Emitter,
  posted: (sent: number) => Promise<void>,
): Promise<readonly number[]> {
  const times: number[] = [];
  for (let sent = 1; sent <= WARM_UP + COMMANDS; sent++) {
    const startedMs = performance.now();
    emitter.send();
    await posted(sent);
    times.push(performance.now() - startedMs);
    await emitter.succeeded(sent);
  }
  return times.slice(WARM_UP);
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise<void>((resolve) => setTimeout(resolve, 1));
}

/** What one command has asked for when its POST arrives. */
async function untilPost(
  bench: Bench,
  stage: Awaited<ReturnType<Bench["stage"]>>,
  { worker, emitter }: { worker: Awaited<ReturnType<typeof startWorker>>; emitter: Emitter },
): Promise<Counted> {
  const { cloud } = stage;
  cloud.faults.set({ operation: "reinstall", times: 1, delayBeforeExecutionMs: 2_000 });
  const before = await countedOf(bench, stage, worker);
  emitter.send();
  await until(() => cloud.calls().reinstall > before.posts);
  return each(before, await countedOf(bench, stage, worker), 1);
}

async function ofBareLoop(bench: Bench, counted: Counted): Promise<readonly number[]> {
  const stage = await bench.stage();
  let posts = 0;
  const bareCloud = await startBareCloud(() => posts++);
  const program = await startBare("loop", {
    amqpUrl: stage.amqpUrl,
    redisUrl: stage.redisUrl,
    cloudUrl: bareCloud.url,
    each: {
      ...counted,
      // The POST is the second delivery's last act, and that is the end of the chain here.
      deliveries: 2,
      publishes: counted.publishes + 1,
      scriptBytes: counted.storeBytes / counted.scripts,
    },
  });
  const emitter = await openEmitter(stage.amqpUrl, stage.cloud);
  const times = await oneByOne(emitter, (sent) => until(() => posts >= sent));
  await emitter.close();
  await program.stop();
  bareCloud.close();
  return times;
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
