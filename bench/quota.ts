import { startEmitter } from "../test/support/emitter/emitter.ts";
import {
  LONG_QUOTA_CASES,
  playQuota,
  QUOTA_CASES,
  QUOTA_CLOUD,
  QUOTA_ENV,
  type QuotaCase,
  type QuotaPlayed,
} from "../test/support/emitter/quota.ts";
import type { Bench, BenchCase, Figure } from "./case.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const TOOK = "took, s";
/** On a machine that does much else a case is slow: that is a figure, too. */
const TIMEOUT_MS = 20 * 60_000;

export const quota: BenchCase = {
  name: "quota",
  title: "When the cloud lets few calls through",
  compared: TOOK,
  method:
    "All commands at once, on two workers unless the row says how many; jobs of 0.9 s, polls after 1, 2 and 5 s, prefetch 10, no brake but the rate, and signatures that expire after 4 s: a busy machine, on which it is not known of a POST whether it went out, costs seconds and not a quarter of an hour. The simulated cloud refuses as the real one does (`limit:N,time:M`). *Least* is what the calls need at the rate that is allowed: five for a command, eight where the server must be stopped first. The workers do not know what is allowed: until a refusal says so they may make 1 000 calls a second. *Passed* and *refused* are counted by the cloud; *refused late* are those after the first 20 s. The last column is of the command that has most. All commands end as `succeeded`, with one reinstall of each server. `test/fault/quota.test.ts` plays the same cases, and says what they may come to. The rows of minutes, and of 20 workers, are measured with `--long`.",
  bounds:
    "The quota, and the first refusals: a window that is used up at once is waited for to its end. Where nothing is refused the first 50 calls are there at once, so less than the least is possible.",
  async run(bench) {
    const figures: Figure[] = [];
    for (const [name, one] of Object.entries(
      bench.long ? { ...QUOTA_CASES, ...LONG_QUOTA_CASES } : QUOTA_CASES,
    )) {
      bench.say(name);
      const played = await playOn(bench, one);
      verify(name, played);
      figures.push({
        what: name,
        unit: "",
        values: {
          "least, s": played.leastMs / 1_000,
          [TOOK]: played.tookMs / 1_000,
          passed: played.all.passed,
          refused: played.all.refused,
          "refused late": played.late.refused,
          "`waiting` events": played.waiting,
        },
      });
    }
    return figures;
  },
};

async function playOn(bench: Bench, one: QuotaCase): Promise<QuotaPlayed> {
  const stage = await bench.stage(QUOTA_CLOUD);
  const emitter = await startEmitter(stage.amqpUrl);
  const workers: Worker[] = [];
  const played = await playQuota(
    {
      simulator: stage.cloud,
      emitter,
      async addWorker() {
        workers.push(await startWorker(stage, { ...QUOTA_ENV, ...one.env }));
      },
    },
    one,
    TIMEOUT_MS,
  );
  await emitter.close();
  await Promise.all(workers.map((worker) => worker.stop()));
  await stage.close();
  return played;
}

/** A figure of commands that were lost, or of servers that were wiped twice, would be none. */
function verify(name: string, { events, reinstalls }: QuotaPlayed): void {
  const lost = events.filter((event) => event !== "succeeded");
  if (lost.length > 0) throw new Error(`${name}: ${lost.join(", ")}`);
  if (reinstalls.some((count) => count !== 1)) {
    throw new Error(`${name}: reinstalls of the servers: ${reinstalls.join(", ")}`);
  }
}
