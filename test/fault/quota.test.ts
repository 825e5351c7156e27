import { beforeAll, describe, expect, it } from "vitest";
import type { Quota, QuotaCounts } from "../../src/simulator/quota.ts";
import type { Stage } from "../support/stage.ts";
import { type Fleet, onSharedServices } from "./own-stage.ts";
import { commandId } from "../support/emitter.ts";

interface Case {
  /** What the cloud lets through; null: everything. */
  readonly quota: Quota | null;
  /** What that or our own budget allows. */
  readonly allowed: { readonly calls: number; readonly perMs: number };
  readonly commands: number;
  /** Every so many a server runs, and is stopped first. */
  readonly runningEvery?: number;
  readonly workers?: number;
  readonly env?: Readonly<Record<string, string>>;
}

const limited = (calls: number, perMs: number): Pick<Case, "quota" | "allowed"> => ({
  quota: { calls, perMs },
  allowed: { calls, perMs },
});

/** For docs/performance.md: `QUOTA_LONG=true`. They last minutes. */
const LONG: Readonly<Record<string, Case>> = {
  "one call in 5 s, 5 commands": { ...limited(1, 5_000), commands: 5 },
  "our own budget of 50 a second, 600 commands, four workers that take 300 messages each": {
    quota: null,
    allowed: { calls: 50, perMs: 1_000 },
    commands: 600,
    workers: 4,
    env: { ECS_REQUESTS_PER_SECOND: "50", ECS_REQUEST_BURST: "50", PREFETCH: "300" },
  },
};

/** All of them at the same time: what they wait for is the quota, not the machine. */
const CASES: Readonly<Record<string, Case>> =
  process.env["QUOTA_LONG"] === "true"
    ? LONG
    : {
        "12 calls a second, 40 commands, every fourth server running": {
          ...limited(12, 1_000),
          commands: 40,
          runningEvery: 4,
        },
        "40 calls in 10 s, 30 commands": { ...limited(40, 10_000), commands: 30 },
        // Two of the five commands of the long case: each takes 25 s at the least.
        "one call in 5 s, 2 commands": { ...limited(1, 5_000), commands: 2 },
      };

const JOB_MS = 900;
/** Two looks, the POST, the job, the look at what it made. */
const CALLS = 5;
/** Beside them the look and the stop, and the look that sees it stopped. */
const CALLS_TO_STOP = 3;

/** How it went. */
interface Played {
  readonly events: readonly string[];
  readonly reinstalls: readonly number[];
  readonly tookMs: number;
  readonly leastMs: number;
  /** After the first 20 s. */
  readonly late: { readonly passed: number; readonly refused: number };
  /** `waiting` events of the command that has most. */
  readonly waiting: number;
}

async function play(
  stage: Stage,
  { quota, allowed, commands, runningEvery, workers = 2 }: Case,
): Promise<Played> {
  for (let n = 0; n < workers; n += 1) await stage.addWorker();
  const isRunning = (index: number) => runningEvery !== undefined && index % runningEvery === 0;
  const fleet: Fleet = {
    serverIds: Array.from(
      { length: commands },
      (_, index) =>
        stage.simulator.addServer({ state: isRunning(index) ? "ACTIVE" : "SHUTOFF" }).id,
    ),
    ids: Array.from({ length: commands }, (_, index) => commandId(`scarce-${index}`)),
  };
  const running = fleet.ids.filter((_, index) => isRunning(index)).length;
  const needed = commands * CALLS + running * CALLS_TO_STOP;
  const leastMs = (needed / allowed.calls) * allowed.perMs;

  stage.simulator.setQuota(quota);
  const startedMs = performance.now();
  const counts: QuotaCounts[] = [];
  const snapshot = setTimeout(() => counts.push(stage.simulator.quota()), 20_000);
  await Promise.all(
    fleet.serverIds.map((server, index) =>
      stage.emitter.send(stage.command(fleet.ids[index] ?? "", server)),
    ),
  );
  const patienceMs = 2 * leastMs + 30_000;
  const ends = await Promise.all(fleet.ids.map((id) => stage.emitter.outcome(id, patienceMs)));
  const tookMs = performance.now() - startedMs;
  clearTimeout(snapshot);
  const all = stage.simulator.quota();
  const { passed, refused } = counts[0] ?? all;
  const waits = stage.emitter.heard().filter(({ event }) => event.data.event === "waiting");
  return {
    events: ends.map(({ data }) => data.event),
    reinstalls: fleet.serverIds.map((id) => stage.reinstalls(id)),
    tookMs,
    leastMs,
    late: { passed: all.passed - passed, refused: all.refused - refused },
    waiting: Math.max(
      ...fleet.ids.map((id) => waits.filter(({ event }) => event.data.command_id === id).length),
    ),
  };
}

describe("a cloud that lets few calls through", () => {
  const played = new Map<string, Played>();

  beforeAll(async () => {
    await Promise.all(
      Object.entries(CASES).map(([name, one]) =>
        onSharedServices(
          {
            simulator: { jobDurationMs: JOB_MS },
            // What is shown is the rate: the brakes would be slower.
            env: {
              BRAKES_MAX_RUNNING: "1000",
              BRAKES_STORM_ASKS: "0",
              ECS_LEAST_REQUESTS_PER_MINUTE: "6",
              POLL_INTERVALS_MS: "1000,2000,5000",
              REBUILD_HOLD_MS: "16000",
              ...one.env,
            },
          },
          async (stage) => void played.set(name, await play(stage, one)),
        ),
      ),
    );
  }, 600_000);

  describe.each(Object.keys(CASES))("%s", (name) => {
    const of = () => played.get(name) as Played;

    it("reinstalls every server, once", () => {
      expect(new Set(of().events)).toEqual(new Set(["succeeded"]));
      expect(new Set(of().reinstalls)).toEqual(new Set([1]));
    });

    it("takes half as long again as its calls need at the most, and one job", () => {
      expect(of().tookMs).toBeLessThan(1.5 * of().leastMs + JOB_MS);
    });

    it("is refused for one call in ten at most, once the rate is known", () => {
      const { passed, refused } = of().late;
      expect(refused).toBeLessThanOrEqual(0.1 * (passed + refused));
    });

    it.skipIf(process.env["QUOTA_LONG"] !== "true")("says how it went", () => {
      const { tookMs, leastMs, late, waiting } = of();
      console.log(JSON.stringify({ name, tookMs, leastMs, late, waiting }));
    });

    it("publishes six waiting events for a command at the most", () => {
      expect(of().waiting).toBeLessThanOrEqual(6);
    });
  });
});
