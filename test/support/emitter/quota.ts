import { existsSync, readFileSync } from "node:fs";
import type { SimulatorOptions } from "../../../src/simulator/options.ts";
import type { Quota, QuotaCounts } from "../../../src/simulator/requests/quota.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { commandId, type Emitter, reinstallCommand } from "./emitter.ts";
import { tallyOf } from "./tally.ts";

/** Commands that come to more calls than are allowed at once. */
export interface QuotaCase {
  /** What the cloud lets through; null: everything. */
  readonly quota: Quota | null;
  /** What that or our own budget allows. */
  readonly allowed: { readonly calls: number; readonly perMs: number };
  readonly commands: number;
  /** Every so many a server runs, and is stopped first. */
  readonly runningEvery?: number;
  /** Two, unless said. */
  readonly workers?: number;
  /** What these workers have beside `QUOTA_ENV`. */
  readonly env?: Readonly<Record<string, string>>;
}

const limited = (
  calls: number,
  perMs: number,
  refusal: Quota["refusal"] = "text",
): Pick<QuotaCase, "quota" | "allowed"> => ({
  quota: { calls, perMs, refusal },
  allowed: { calls, perMs },
});

const OWN_BUDGET: Pick<QuotaCase, "quota" | "allowed" | "commands"> = {
  quota: null,
  allowed: { calls: 50, perMs: 1_000 },
  commands: 600,
};
const OWN_BUDGET_ENV = { ECS_REQUESTS_PER_SECOND: "50", ECS_REQUEST_BURST: "50" };

/** Each takes less than a minute. */
export const QUOTA_CASES: Readonly<Record<string, QuotaCase>> = {
  "12 calls a second, 40 commands, every fourth server running": {
    ...limited(12, 1_000),
    commands: 40,
    runningEvery: 4,
  },
  "40 calls in 10 s, 30 commands": { ...limited(40, 10_000), commands: 30 },
  // Two of the five commands of the long case: each takes 25 s at the least.
  "one call in 5 s, 2 commands": { ...limited(1, 5_000), commands: 2 },
};

/**
 * The refusal says nothing: the rate has to be found, and of a POST that was refused so nobody knows that it was not carried
 * out. So each takes longer than its calls need: half a minute.
 */
export const MERE_QUOTA_CASES: Readonly<Record<string, QuotaCase>> = {
  "6 calls in 2 s, refused by a mere 503, 8 commands": {
    ...limited(6, 2_000, "status-503"),
    commands: 8,
  },
  "6 calls in 2 s, refused by a mere 429, 8 commands": {
    ...limited(6, 2_000, "status-429"),
    commands: 8,
  },
};

/** The cloud limits one of its operations. Which calls share a quota it does not say: all of the project keep to that limit. */
export const ONE_OPERATION_CASES: Readonly<Record<string, QuotaCase>> = Object.fromEntries(
  (["reinstall", "stop", "job", "server"] as const).map((operation) => [
    operation,
    {
      quota: { calls: 1, perMs: 1_000, refusal: "text", operations: [operation] },
      allowed: { calls: 1, perMs: 1_000 },
      commands: 3,
      runningEvery: 1,
      workers: 1,
    },
  ]),
);

/** Each takes minutes, or many processes. */
export const LONG_QUOTA_CASES: Readonly<Record<string, QuotaCase>> = {
  "one call in 5 s, 5 commands": { ...limited(1, 5_000), commands: 5 },
  "our own budget of 50 a second, 600 commands, four workers that take 300 messages each": {
    ...OWN_BUDGET,
    workers: 4,
    env: { ...OWN_BUDGET_ENV, PREFETCH: "300" },
  },
  "our own budget of 50 a second, 600 commands, 20 workers that take 10 messages each": {
    ...OWN_BUDGET,
    workers: 20,
    env: { ...OWN_BUDGET_ENV, PREFETCH: "10" },
  },
};

const JOB_MS = 900;
export const QUOTA_CLOUD = {
  jobDurationMs: JOB_MS,
  stopDurationMs: 200,
  signatureWindowMs: 4_000,
} satisfies SimulatorOptions;

/**
 * What is shown is the rate: the brakes would be slower. And where the machine is so busy that nobody knows whether a POST
 * went out, the command waits until its signature has expired: for seconds here, not for a quarter of an hour.
 */
export const QUOTA_ENV = {
  UNSAFE_TEST_WINDOWS: "true",
  POST_FENCE_MS: "6000",
  REBUILD_HOLD_MS: "16000",
  BRAKES_MAX_RUNNING: "1000",
  BRAKES_STORM_ASKS: "0",
  ECS_REQUESTS_PER_SECOND: "1000",
  ECS_REQUEST_BURST: "1000",
  ECS_LEAST_REQUESTS_PER_MINUTE: "6",
  POLL_INTERVALS_MS: "1000,2000,5000",
  PREFETCH: "10",
};

/** Two looks, the POST, the job, the look at what it made. */
const CALLS = 5;
/** Beside them the look and the stop, and the look that sees it stopped. */
const CALLS_TO_STOP = 3;
/** What is refused later than this is refused although the rate could be known. */
const KNOWN_AFTER_MS = 20_000;

/** What a case is played on. */
export interface QuotaStage {
  /** With `QUOTA_CLOUD`. */
  readonly simulator: Simulator;
  readonly emitter: Emitter;
  /** One that is ready, with `QUOTA_ENV` and what the case has. */
  addWorker(): Promise<unknown>;
  /** Those, where the machine may be busy with other things. */
  readonly workers?: readonly { readonly pid: number }[];
}

/** How it went. */
export interface QuotaPlayed {
  /** Final events, one for each command. */
  readonly events: readonly string[];
  /** How often the cloud reinstalled each server. */
  readonly reinstalls: readonly number[];
  readonly tookMs: number;
  /**
   * For how long of it one worker had something to do and no processor, of the one that waited longest: the machine's part. They
   * wait at the same time. Next to nothing on a quiet machine.
   */
  readonly heldUpMs: number;
  /** What the calls need at the rate that is allowed. */
  readonly leastMs: number;
  /** The least, half of it more, and one job. */
  readonly mostMs: number;
  readonly all: QuotaCounts;
  /** After the first 20 s. */
  readonly late: QuotaCounts;
  /** `waiting` events of the command that has most. */
  readonly waiting: number;
}

/** Rejects when not all commands have ended in time: after twice the least time and half a minute, unless said. */
export async function playQuota(
  stage: QuotaStage,
  { quota, allowed, commands, runningEvery, workers = 2 }: QuotaCase,
  timeoutMs?: number,
): Promise<QuotaPlayed> {
  const { simulator, emitter } = stage;
  await Promise.all(Array.from({ length: workers }, () => stage.addWorker()));
  const isRunning = (index: number) => runningEvery !== undefined && index % runningEvery === 0;
  const fleet = Array.from({ length: commands }, (_, index) => ({
    id: commandId(`scarce-${index}`),
    server: simulator.addServer({ state: isRunning(index) ? "ACTIVE" : "SHUTOFF" }).id,
  }));
  const running = fleet.filter((_, index) => isRunning(index)).length;
  const needed = commands * CALLS + running * CALLS_TO_STOP;
  const leastMs = (needed / allowed.calls) * allowed.perMs;

  simulator.setQuota(quota);
  const tally = tallyOf(emitter);
  const before = callsOf(simulator);
  const counts = (): QuotaCounts => {
    const { refused } = simulator.quota();
    return { passed: callsOf(simulator) - before - refused, refused };
  };
  const runDelays = () => (stage.workers ?? []).map(({ pid }) => runDelayMs(pid));
  const runDelaysBefore = runDelays();
  const startedMs = performance.now();
  let early: QuotaCounts | undefined;
  const snapshot = setTimeout(() => (early = counts()), KNOWN_AFTER_MS);
  try {
    await Promise.all(fleet.map(({ id, server }) => emitter.send(reinstallCommand(id, server))));
    await tally.ended(commands, timeoutMs ?? 2 * leastMs + 30_000);
  } finally {
    clearTimeout(snapshot);
  }
  const tookMs = performance.now() - startedMs;
  const all = counts();
  const { passed, refused } = early ?? all;
  const { servers } = simulator.ledger();
  return {
    events: fleet.map(({ id }) => tally.end(id) ?? "none"),
    reinstalls: fleet.map(({ server }) => servers[server]?.reinstallsExecuted ?? 0),
    tookMs,
    heldUpMs: Math.max(0, ...runDelays().map((ms, index) => ms - (runDelaysBefore[index] ?? 0))),
    leastMs,
    mostMs: 1.5 * leastMs + JOB_MS,
    all,
    late: { passed: all.passed - passed, refused: all.refused - refused },
    waiting: tally.mostWaiting(),
  };
}

/** How long the process could have run and was not let, so far; 0 where no Linux counts it. */
function runDelayMs(pid: number): number {
  const file = `/proc/${pid}/schedstat`;
  // "time on a processor, time waiting for one, turns", in nanoseconds.
  return existsSync(file) ? Number(readFileSync(file, "utf8").split(" ")[1]) / 1e6 : 0;
}

/** Calls that a quota counts: all but those of IAM. */
function callsOf(simulator: Simulator): number {
  const calls = simulator.calls();
  const all = Object.values(calls).reduce((sum, count) => sum + count, 0);
  return all - calls.token - calls.project;
}
