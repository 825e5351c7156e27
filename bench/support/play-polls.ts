import { NO_DURATIONS } from "../../src/adapters/redis/job-durations.ts";
import type { ProgressEvent } from "../../src/contract/event.ts";
import { LIST_RULES } from "../../src/core/calls/list-round.ts";
import { ServerId } from "../../src/contract/ids.ts";
import type { WorkerDeps } from "../../src/deliveries/worker-deps.ts";
import { NO_BRAKES } from "../../test/support/brake-rules.ts";
import type { Mutation } from "../../test/simulation/mutation.ts";
import { RULES } from "../../test/simulation/rules.ts";
import { commandOf, type Scenario } from "../../test/simulation/scenario.ts";
import { World } from "../../test/simulation/world.ts";

/** How the jobs of one kind are followed. */
export interface PollsPlayed {
  /** Queries of its job, for one command in the mean. */
  readonly polls: number;
  /** Looks at its server, for one command in the mean. */
  readonly looks: number;
  /** Lists of servers, all of them. */
  readonly lists: number;
  /** From the end of the job to the final event, in the mean; and of 99 in 100 at most. */
  readonly lateMs: number;
  readonly lateMostlyMs: number;
}

interface PollsOptions {
  readonly seed: number;
  /** Jobs take so long, and a fifth more or less. */
  readonly jobMs: number;
  /** What was learned before; absent: as many jobs of this length as are kept. */
  readonly learnedMs?: number;
  /** Without it by the job's age alone (`POLL_LEARNED=false`). */
  readonly isLearned: boolean;
  /** POLL_INTERVALS_MS. */
  readonly ladderMs: readonly number[];
  readonly commands: number;
  /** A command every so often; default 7 s. */
  readonly apartMs?: number;
  /** Polls share lists of servers (`POLL_LIST`). */
  readonly areListed?: boolean;
  /** The share of jobs that fail and leave their servers as they were; default 0. */
  readonly failShare?: number;
}

const SPREAD = 0.2;
const EVERY_PROMISE: Mutation["breaks"] = [
  ...(["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9"] as const),
  ...(["F1", "F2", "F3", "F4", "F5", "F6", "bug"] as const),
];

/** Plays it in virtual time, on the simulation's ports: the worker itself, no fault. */
export async function playPolls(options: PollsOptions): Promise<PollsPlayed> {
  const { seed, jobMs, learnedMs = jobMs, isLearned, ladderMs, commands } = options;
  const { apartMs = 7_000, areListed = false, failShare = 0 } = options;
  const ids = Array.from({ length: commands }, (_, n) =>
    ServerId.parse(`4f4b3dfa-eb70-47cf-a60a-${String(n).padStart(12, "0")}`),
  );
  const scenario: Scenario = {
    seed,
    workers: 2,
    prefetch: 20,
    rules: { ...RULES, ladderMs },
    brakes: NO_BRAKES,
    servers: ids.map((id) => ({
      id,
      status: "SHUTOFF",
      view: "shown",
      softStopWorks: true,
      endsAs: "SHUTOFF",
    })),
    cloud: {
      lax: false,
      keepsDisk: false,
      failShare,
      stuckShare: 0,
      strangeJobs: false,
      plainJobsFromMs: jobMs * (1 - SPREAD),
      jobsUpToMs: jobMs * (1 + SPREAD),
    },
    samples: { replaced: 5, kept: 0 },
    // Evenly over what is possible.
    durations: Array.from({ length: 50 }, (_, n) =>
      Math.round(learnedMs * (1 - SPREAD + (2 * SPREAD * (n + 0.5)) / 50)),
    ),
    ...(areListed && { lists: LIST_RULES }),
    emissions: ids.map((id, n) => commandOf(`cmd-${n}`, id, n * apartMs, { userid: "u" }, {})),
    rates: {},
    focus: [],
    focusFactor: 1,
    faultsForMs: commands * apartMs + 3_600_000,
    disks: false,
    rudeOutsiders: false,
    retryAfterUpToMs: 0,
    skewMs: 0,
    slowNetwork: false,
    deliveryLimit: { commands: 100, work: 1_000 },
  };
  let polls = 0;
  let looks = 0;
  let lists = 0;
  const lateMs: number[] = [];
  class Watched extends World {
    override published(event: ProgressEvent, by: string): void {
      super.published(event, by);
      if (event.data.event !== "succeeded" && event.data.event !== "failed") return;
      const run = this.cloud.ledger.find((one) => one.commandId === event.data.command_id);
      lateMs.push(this.time.nowMs - (run?.endMs ?? this.time.nowMs));
    }
  }
  const counted = (deps: WorkerDeps): WorkerDeps => {
    const list = deps.cloud.list?.bind(deps.cloud);
    return {
      ...deps,
      durations: isLearned ? deps.durations : NO_DURATIONS,
      cloud: {
        ...deps.cloud,
        job: (...asked) => {
          polls += 1;
          return deps.cloud.job(...asked);
        },
        look: (...asked) => {
          looks += 1;
          return deps.cloud.look(...asked);
        },
        list: (...asked) => {
          lists += 1;
          if (list === undefined) throw new Error("a cloud without lists");
          return list(...asked);
        },
      },
    };
  };
  const mutation: Mutation = {
    name: "counted",
    what: "nothing is broken",
    breaks: EVERY_PROMISE,
    deps: counted,
  };
  const world = new Watched({ scenario, mutation });
  const endsMs = world.time.nowMs + scenario.faultsForMs;
  while (world.monitor.violation === null && lateMs.length < commands && world.time.step(endsMs)) {
    if (!world.dirty) continue;
    world.dirty = false;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const { violation } = world.monitor;
  if (violation !== null) throw new Error(`${violation.promise}: ${violation.text}`);
  const ended = lateMs.length;
  if (ended < commands) throw new Error(`${ended} of ${commands} commands ended`);
  return {
    polls: polls / commands,
    looks: looks / commands,
    lists,
    lateMs: mean(lateMs),
    lateMostlyMs: lateMs.toSorted((a, b) => a - b)[Math.ceil(0.99 * ended) - 1] ?? 0,
  };
}

function mean(of: readonly number[]): number {
  return of.reduce((sum, one) => sum + one, 0) / of.length;
}
