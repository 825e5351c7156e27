import type { CallStatus, HealthSource } from "../../contract/http.ts";
import { type BreakerState, DEPENDENCIES, type MeasuredQueue } from "../../contract/labels.ts";
import type { Census } from "../../core/state/census.ts";
import type { Metrics } from "./metrics.ts";

/** The breakers of the cloud; `ims` null: no image service is configured. */
interface BreakerStates {
  readonly endpoint: BreakerState;
  readonly iam: BreakerState;
  readonly ims: BreakerState | null;
  readonly evs: BreakerState | null;
  readonly auth: BreakerState;
}

/** Who is asked for what the gauges show. */
export interface GaugeSources {
  readonly health: Pick<HealthSource, "dependencies">;
  readonly cloud: { state(): BreakerStates; clockOffsetMs(): number | null };
  /** Our clock minus Redis's; null: Redis does not answer. */
  readonly redisClockOffsetMs: () => number | null;
  /** Each may reject: then its numbers are nobody's any more, and go from the page. */
  readonly census: () => Promise<Census>;
  readonly evidence: () => Promise<readonly { readonly replaced: number; readonly kept: number }[]>;
  /** Seconds by the delay of the queue, in ms. */
  readonly overdue: () => Promise<ReadonlyMap<string, number>>;
  /** Null: nobody can say, and the last numbers stand. */
  readonly queueLengths: () => Promise<Readonly<Record<MeasuredQueue, number>> | null>;
  readonly callRates: () => Promise<readonly CallStatus[]>;
  readonly onError: (error: unknown) => void;
}

const LOOK_MS = 1_000;
/** The store is walked through for its numbers: once a minute is enough for people. */
const CENSUS_MS = 60_000;
/** A message that does not come is reported before the sweeper ends commands for it (SWEEP_AFTER_MS). */
const CLOSE_LOOK_MS = 15_000;

/** Sets what is not counted where it happens: how things stand. */
export function createGauges(metrics: Metrics, sources: GaugeSources) {
  const wasUp = new Map<string, boolean>();
  const everUp = new Set<string>();
  const timers: NodeJS.Timeout[] = [];
  let storeIsAway = false;

  function look(): void {
    for (const { name, state } of sources.health.dependencies()) {
      const dependency = DEPENDENCIES.find((known) => known === name);
      if (dependency === undefined) continue;
      const up = state === "up" || state === "degraded";
      metrics.dependency(dependency, up);
      if (up && wasUp.get(name) === false && everUp.has(name)) metrics.reconnected(dependency);
      if (up) everUp.add(name);
      wasUp.set(name, up);
    }
    const { endpoint, iam, ims, evs, auth } = sources.cloud.state();
    metrics.breaker("ecs", endpoint);
    metrics.breaker("iam", iam);
    if (ims !== null) metrics.breaker("ims", ims);
    if (evs !== null) metrics.breaker("evs", evs);
    metrics.breaker("auth", auth);
    const offsetMs = sources.cloud.clockOffsetMs();
    if (offsetMs !== null) metrics.clockOffset(-offsetMs / 1000);
    const redisOffsetMs = sources.redisClockOffsetMs();
    if (redisOffsetMs === null) metrics.unknown("redis-clock");
    else metrics.redisClockOffset(redisOffsetMs / 1000);
  }

  async function census(): Promise<void> {
    try {
      metrics.store(await sources.census());
      const samples = await sources.evidence();
      metrics.evidenceSamples({
        replaced: samples.reduce((sum, { replaced }) => sum + replaced, 0),
        kept: samples.reduce((sum, { kept }) => sum + kept, 0),
      });
    } catch (error) {
      metrics.unknown("store");
      throw error;
    }
  }

  /** Also shows that the store went, or is back, between two walks through it. */
  async function overdue(): Promise<void> {
    try {
      metrics.overdue(await sources.overdue());
    } catch (error) {
      metrics.unknown("overdue");
      metrics.unknown("store");
      storeIsAway = true;
      throw error;
    }
    if (storeIsAway) {
      storeIsAway = false;
      await census();
    }
  }

  async function budget(): Promise<void> {
    try {
      metrics.callRates(await sources.callRates());
    } catch (error) {
      metrics.unknown("budget");
      throw error;
    }
  }

  async function queues(): Promise<void> {
    metrics.queueLengths(await sources.queueLengths());
  }

  async function closeLook(): Promise<void> {
    await Promise.all([unlessAway(overdue()), unlessAway(budget()), unlessAway(queues())]);
  }

  async function unlessAway(asked: Promise<void>): Promise<void> {
    try {
      await asked;
    } catch (error) {
      sources.onError(error);
    }
  }

  return {
    start(): void {
      look();
      timers.push(
        setInterval(look, LOOK_MS),
        setInterval(() => void unlessAway(census()), CENSUS_MS),
        setInterval(() => void closeLook(), CLOSE_LOOK_MS),
      );
      for (const timer of timers) timer.unref();
    },
    /** The store is there (again): its numbers are wanted now. */
    async count(): Promise<void> {
      await Promise.all([unlessAway(census()), closeLook()]);
    },
    stop(): void {
      for (const timer of timers.splice(0)) clearInterval(timer);
    },
  };
}
