import { createRedisBudget } from "../adapters/redis/budget.ts";
import { createRedisClient } from "../adapters/redis/connection/client.ts";
import { createDiskEvidence } from "../adapters/redis/disk-evidence.ts";
import { createJobDurations, NO_DURATIONS } from "../adapters/redis/job-durations.ts";
import { createServerLists } from "../adapters/redis/server-lists.ts";
import { createReinstallStore } from "../adapters/redis/reinstall-store.ts";
import { createRedisHealth } from "../adapters/redis/health.ts";
import { inStoreTime, type StoreClock } from "../adapters/redis/in-store-time.ts";
import { createRedisProbe } from "../adapters/redis/connection/probe.ts";
import { watchRebuilding } from "../adapters/redis/rebuilding.ts";
import { createScriptRunner } from "../adapters/redis/script-runner.ts";
import { systemClock } from "../adapters/system-clock.ts";
import type { ProjectId } from "../contract/ids.ts";
import type { PollWay } from "../contract/labels.ts";
import { LIST_RULES, type RoundAnswer } from "../core/calls/list-round.ts";
import { workSecondsFor } from "../core/calls/call-rate.ts";
import { firstPollMs } from "../core/calls/poll-plan.ts";
import { renewAccess, watchRedis } from "../adapters/redis/connection/watch.ts";
import { watchForChange } from "../config/rotation.ts";
import type { Ground } from "./ground.ts";
import type { Part } from "./lifecycle.ts";
import { redisCredentials, redisSettings, storeRules } from "./settings.ts";

/** What rests on Redis. */
export type Stores = ReturnType<typeof createStores>;

/** Redis: one client, its health and clock, and the ports that rest on it. Connects when it is started. */
export function createStores({ config, projects, clock, logger, metrics }: Ground) {
  const { protocol, cloud } = config;
  const redis = createRedisClient(redisSettings(config.redis));
  const health = createRedisHealth(redis, {
    onRefused: (refusal) => logger.error(refusal, "redis refuses what the worker asks"),
    maxClockOffsetMs: protocol.maxClockOffsetMs,
    nowMs: () => clock.monotonicMs(),
  });
  /** From the server whose clock agrees with us most to the one that does least. */
  let spreadMs = 0;
  const probe = createRedisProbe({
    redis,
    projects,
    // The machine's own: it is the one that is compared.
    clock: systemClock,
    onSight(sight, askedAtMs) {
      metrics.redisCall("probe", (clock.monotonicMs() - askedAtMs) / 1000);
      health.sighted(sight, askedAtMs);
      if (sight.kind !== "reached") return;
      const nearestMs = nearest(sight.clockOffsetsMs);
      clock.sawRedis(nearestMs);
      spreadMs = (health.clockOffsetMs() ?? nearestMs) - nearestMs;
    },
  });
  const storeClock: StoreClock = {
    // Not the number of the last look: the machine's clock may have jumped since.
    offsetMs() {
      const aheadMs = clock.aheadOfRedisMs();
      return aheadMs === null ? null : aheadMs + spreadMs;
    },
    machineOffsetMs: () => health.clockOffsetMs(),
    maxOffsetMs: protocol.maxClockOffsetMs,
  };
  const { behindProxy } = config.redis;
  const watch = {
    ...health,
    ended: (script: string, seconds: number) => metrics.redisCall(script, seconds),
  };
  const scripts = createScriptRunner(redis, watch, { behindProxy });
  const durations = protocol.pollLearned
    ? createJobDurations({
        redis,
        scripts,
        clock,
        onKnown: (project, kind, likely) =>
          metrics.firstPoll(project, kind, firstPollMs(likely) / 1000),
      })
    : NO_DURATIONS;
  const rules = {
    ...storeRules(config),
    workSeconds: (project: ProjectId) => workSecondsFor(durations.longestMs(project)),
  };
  const store = watchRebuilding(
    inStoreTime(createReinstallStore(redis, scripts, rules, clock), storeClock),
    clock,
    (projectId, forMs) => {
      logger.warn({ projectId, forMs }, "the memory of redis is new: nothing new is started");
      health.rebuilding(projectId, forMs);
    },
  );
  const listing = {
    rules: LIST_RULES,
    onTaken: (projectId: ProjectId, answer: RoundAnswer) =>
      metrics.poll(projectId, pollWay(answer)),
    onFailed: whenNew((projectId, why) =>
      logger.warn({ projectId, why }, "servers cannot be listed: each job is asked for by itself"),
    ),
  };
  const part: Part = {
    start() {
      probe.start();
      // Rejects when the first try fails; the client goes on trying, and its events say so.
      redis.connect().catch(() => undefined);
    },
    stop() {
      probe.stop();
      redis.disconnect();
    },
  };
  return {
    redis,
    scripts,
    health,
    storeClock,
    store,
    evidence: createDiskEvidence(redis, cloud.region, protocol.evidenceMinSamples),
    durations,
    lists: protocol.pollList ? createServerLists({ redis, scripts, ...listing }) : undefined,
    budget: createRedisBudget({
      scripts,
      isThere: () => redis.status === "ready",
      clock,
      limits: {
        perSecond: cloud.budget.requestsPerSecond,
        burst: cloud.budget.burst,
        least: cloud.budget.leastPerMinute / 60,
      },
    }),
    part,
  };
}

/** Of several servers the one that agrees with us most: our clock is wrong where none does. */
function nearest(offsetsMs: readonly number[]): number {
  return offsetsMs.toSorted((a, b) => Math.abs(a) - Math.abs(b))[0] ?? 0;
}

/** By what a poll was to do, for metrics. */
function pollWay(answer: RoundAnswer): PollWay {
  return answer.kind === "alone" ? answer.why : answer.kind;
}

/** Of each project only what was not said of it last. */
function whenNew(say: (projectId: ProjectId, why: string) => void): typeof say {
  const last = new Map<ProjectId, string>();
  return (projectId, why) => {
    if (last.get(projectId) === why) return;
    last.set(projectId, why);
    say(projectId, why);
  };
}

/** Who is informed how Redis is. */
export interface RedisWatchers {
  /** Redis is not to be worked with, e.g. `strict` durability and one that may lose what it confirmed. */
  readonly refuse: (reason: Error) => void;
  /** It is there (again). */
  readonly onReady: () => void;
}

/** Looks at what the Redis in use promises, and moves over to a new user and password when they change. */
export function watchStores(
  { config, report }: Ground,
  { redis }: Stores,
  watchers: RedisWatchers,
): Part {
  watchRedis(redis, { durability: config.redis.durability, log: report, ...watchers });
  let end = () => {};
  return {
    start() {
      end = watchForChange(
        () => Object.values(redisCredentials(config.redis)).map((one) => one ?? ""),
        () => void renewAccess(redis, redisCredentials(config.redis), report),
      );
    },
    stop: () => end(),
  };
}
