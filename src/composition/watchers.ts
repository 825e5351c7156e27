import type { Broker } from "../adapters/amqp/broker.ts";
import type { CloudAdapter } from "../adapters/cloud/cloud-api.ts";
import { takeCensus } from "../adapters/redis/views/census.ts";
import { findOverdue } from "../adapters/redis/views/overdue.ts";
import { createStrandedCommands } from "../adapters/redis/views/stranded-commands.ts";
import { systemClock } from "../adapters/system-clock.ts";
import { createSweeper } from "../background/sweeper.ts";
import type { CensusKeeper } from "../observe/brakes-view.ts";
import { createGauges } from "../observe/metrics/gauges.ts";
import { createHealth } from "../observe/health.ts";
import { createInHand, type InHand } from "../observe/in-hand.ts";
import type { SituationKeeper } from "../observe/situation.ts";
import { brokerProbe, cloudProbe } from "../observe/http/probes.ts";
import { createComplete } from "../steps/complete/complete.ts";
import { createSweep } from "../steps/sweep.ts";
import type { WorkLag } from "../steps/work-lag.ts";
import type { WorkerDeps } from "../deliveries/worker-deps.ts";
import type { Ground } from "./ground.ts";
import { longestStepMs } from "./longest-step.ts";
import type { Stores } from "./stores.ts";

type Health = ReturnType<typeof createHealth>;

/** What is watched. */
export interface Watched {
  readonly broker: Broker;
  readonly cloud: CloudAdapter;
  readonly stores: Stores;
}

/** The deliveries in hand; one that hangs is named in the log. */
export function createWatchedInHand({ config, clock, logger }: Ground): InHand {
  return createInHand({
    clock,
    limitMs: longestStepMs(config),
    onOverdue: (overdue) => logger.error(overdue, "a delivery hangs; only a restart helps"),
  });
}

/** How everything that the worker needs is, from memory. */
export function createWatchedHealth(
  { clock }: Ground,
  { broker, cloud, stores }: Watched,
  inHand: InHand,
): Health {
  const redis = { name: "redis", check: () => stores.health.check() };
  return createHealth(
    [brokerProbe(broker), redis, cloudProbe(cloud)],
    () => clock.nowMs(),
    () => inHand.overdue(),
  );
}

/** Who keeps what is measured. */
export interface Measured {
  readonly health: Health;
  readonly brakes: CensusKeeper;
  readonly situation: SituationKeeper;
}

/** The gauges: what is not counted where it happens. */
export function createWatchedGauges(
  { config, projects, metrics, logger }: Ground,
  { broker, cloud, stores }: Watched,
  { health, brakes, situation }: Measured,
) {
  const { redis, scripts, budget, evidence } = stores;
  const { jobDeadlineMs, pollIntervalsMs } = config.protocol;
  return createGauges(metrics, {
    health,
    cloud: { state: () => cloud.state(), clockOffsetMs: () => behindCloudMs(cloud) },
    redisClockOffsetMs: () => stores.health.clockOffsetMs(),
    census: async () => {
      const { paused, maxRunning } = config.brakes;
      const limits = { lockDeadlineMs: jobDeadlineMs, paused, maxRunning };
      const census = await takeCensus({ redis, scripts }, projects, limits);
      brakes.onCensus(census);
      return census;
    },
    queueLengths: async () => {
      const lengths = await broker.queueLengths();
      situation.onQueueLengths(lengths);
      return lengths;
    },
    callRates: async () => {
      const rates = await budget.rates(projects);
      brakes.onCalls(rates);
      situation.onBudgetLeft(Math.min(1, ...rates.map(({ left }) => left)));
      return rates;
    },
    overdue: () => findOverdue(redis, projects, pollIntervalsMs),
    evidence: () => evidence.counts(),
    onError: (error) => logger.warn({ err: error }, "the store could not be counted"),
  });
}

/** Of this machine's own clock, whatever the worker goes by: who looks at the number repairs a machine. */
function behindCloudMs(cloud: Pick<CloudAdapter, "timeMs">): number | null {
  const cloudMs = cloud.timeMs();
  return cloudMs === null ? null : Math.round(cloudMs - systemClock.nowMs());
}

/** What a sweep is done with, and what it must know. */
interface Sweeping {
  readonly deps: WorkerDeps;
  readonly health: Health;
  readonly workLag: WorkLag;
  readonly waitingLag: WorkLag;
}

/** Takes up commands that have stopped moving, while everything that moves them is there. */
export function createWatchedSweeper(
  { config, clock, metrics, logger }: Ground,
  { redis }: Stores,
  { deps, health, workLag, waitingLag }: Sweeping,
) {
  const { sweepIntervalMs, sweepAfterMs } = config.protocol;
  return createSweeper({
    sweep: createSweep({
      ...deps,
      stranded: createStrandedCommands(redis, clock, sweepIntervalMs),
      complete: createComplete(deps),
      sweepAfterMs,
      behindMs: () => workLag.behindMs() + waitingLag.behindMs(),
      onSwept(result, commandId, projectId) {
        metrics.swept(result, projectId);
        if (result !== "stuck") return;
        logger.error({ commandId, projectId }, "an open command cannot be taken up");
      },
    }),
    isSteady: () => health.allUp(),
    intervalMs: sweepIntervalMs,
    steadyMs: sweepAfterMs,
    clock,
    onSwept: (count) => {
      if (count > 0) logger.warn({ count }, "commands that had stopped moving were taken up");
    },
    onError: (error) => logger.error({ err: error }, "sweep failed"),
  });
}
