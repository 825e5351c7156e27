import { setMaxListeners } from "node:events";
import { readFileSync } from "node:fs";
import { type Broker, createBroker } from "./adapters/amqp/broker.ts";
import { STEP_TYPE } from "./adapters/amqp/marks.ts";
import { createCloudApi } from "./adapters/cloud/cloud-api.ts";
import { createRedisBudget } from "./adapters/redis/budget.ts";
import { takeCensus } from "./adapters/redis/census.ts";
import { createRedisClient } from "./adapters/redis/client.ts";
import { openFirstEpoch } from "./adapters/redis/epoch.ts";
import { createDiskEvidence } from "./adapters/redis/evidence.ts";
import { createReinstallStore } from "./adapters/redis/reinstall-store.ts";
import { createRedisHealth } from "./adapters/redis/health.ts";
import { findOverdue } from "./adapters/redis/overdue.ts";
import { createPauseStore } from "./adapters/redis/pauses.ts";
import {
  inStoreTime,
  marksInStoreTime,
  takenInOurTime,
  type StoreClock,
} from "./adapters/redis/in-store-time.ts";
import { createRedisProbe } from "./adapters/redis/probe.ts";
import { watchRebuilding } from "./adapters/redis/rebuilding.ts";
import { createScriptRunner } from "./adapters/redis/script-runner.ts";
import { createSharedRefusals } from "./adapters/redis/shared-refusals.ts";
import { createStrandedCommands } from "./adapters/redis/stranded.ts";
import { createCommandViews } from "./adapters/redis/views.ts";
import { renewAccess, watchRedis } from "./adapters/redis/watch.ts";
import { systemClock } from "./adapters/system-clock.ts";
import { createCloudProver } from "./background/cloud-prover.ts";
import type { Config } from "./config/assemble.ts";
import { namesOf } from "./config/proxy.ts";
import { watchForChange } from "./config/rotation.ts";
import type { ProjectId } from "./contract/ids.ts";
import { secretsOf } from "./config/secrets-of.ts";
import { createDeliveries } from "./composition/deliveries.ts";
import { createBrakesView, watchPauses } from "./observe/brakes-view.ts";
import { createGauges } from "./observe/gauges.ts";
import { createHealth } from "./observe/health.ts";
import { createHttpServer } from "./observe/http-server.ts";
import { createJournal } from "./observe/journal.ts";
import type { Logger } from "./observe/logger.ts";
import { meteredCloud } from "./observe/metered-cloud.ts";
import { meteredStore } from "./observe/metered-store.ts";
import { createMetrics } from "./observe/metrics.ts";
import { brokerProbe, cloudProbe } from "./observe/probes.ts";
import { createProcessLog } from "./observe/process-log.ts";
import { createTracing, type Tracing } from "./observe/tracing.ts";
import { createPauseKeeper } from "./background/pause-keeper.ts";
import {
  amqpSecrets,
  amqpSettings,
  cloudSettings,
  intakeRules,
  pauseIntervalMs,
  protocolRules,
  redisCredentials,
  redisSettings,
  storeRules,
} from "./composition/settings.ts";
import { createComplete } from "./steps/complete.ts";
import type { ReachPoint } from "./steps/ports/clock.ts";
import { createSweep } from "./steps/sweep.ts";
import { createSweeper } from "./background/sweeper.ts";
import { createWorker } from "./worker.ts";

export interface AppOptions {
  /** Tests arm places in the code; in production there is nothing to reach. */
  readonly reach?: ReachPoint;
}

export interface App {
  readonly logger: Logger;
  /** Resolves when the process serves HTTP and has begun to connect; what is away is waited for. Rejects when it cannot run at all. */
  start(): Promise<void>;
  /** Takes no more messages, finishes the step in hand within the grace time, closes everything. */
  stop(): Promise<void>;
  /** Settles (rejects) when the process must not go on, e.g. a Redis that `strict` durability refuses. */
  readonly fatal: Promise<never>;
  /** Resolves when every line of the log is written, or after `limitMs`. */
  flushLog(limitMs: number): Promise<void>;
  httpAddress(): { readonly host: string; readonly port: number } | null;
}

/** Puts the worker together: adapters, steps, worker, what watches over them. The only file that knows all others. */
export function createApp(config: Config, { reach = () => {} }: AppOptions = {}): App {
  const { protocol, cloud: cloudConfig } = config;
  const version = versionOfPackage();
  const metrics = createMetrics({ version, projects: cloudConfig.projects });
  const log = createProcessLog({ level: config.log.level, secrets: secretsOf(config) }, metrics);
  const { logger } = log;
  const tracing = tracingOf(config, version, logger);
  const clock = systemClock;
  const hardStop = new AbortController();
  // One signal for everything in hand: more than ten listeners are no leak.
  setMaxListeners(0, hardStop.signal);
  const projects = cloudConfig.projects;
  const amqp = amqpSettings(config);
  const rules = protocolRules(config);
  const fatal = withResolvers();

  const redis = createRedisClient(redisSettings(config.redis));
  const redisHealth = createRedisHealth(redis, {
    onRefused: (refusal) => logger.error(refusal, "redis refuses what the worker asks"),
    maxClockOffsetMs: protocol.maxClockOffsetMs,
    nowMs: () => clock.monotonicMs(),
  });
  const redisProbe = createRedisProbe({
    redis,
    projects,
    clock,
    onSight: (sight, askedAtMs) => redisHealth.sighted(sight, askedAtMs),
  });
  const storeClock: StoreClock = {
    offsetMs: () => redisHealth.clockOffsetMs(),
    maxOffsetMs: protocol.maxClockOffsetMs,
  };
  const scripts = createScriptRunner(redis, redisHealth);
  const store = watchRebuilding(
    inStoreTime(createReinstallStore(redis, scripts, storeRules(config), clock), storeClock),
    clock,
    (projectId, forMs) => {
      logger.warn({ projectId, forMs }, "the memory of redis is new: nothing new is started");
      redisHealth.rebuilding(projectId, forMs);
    },
  );
  const evidence = createDiskEvidence(redis, cloudConfig.region, protocol.evidenceMinSamples);
  const budget = createRedisBudget({ redis, clock, ...cloudConfig.budget });
  const cloud = createCloudApi(cloudSettings(config), {
    clock,
    budget,
    refusals: createSharedRefusals({
      redis,
      clock,
      onTrouble: (detail) => logger.warn({ detail }, "refused credentials are counted alone"),
    }),
    onRequest(request) {
      metrics.cloudRequest(request);
      tracing?.cloudRequest(request);
    },
  });
  const prover = createCloudProver({
    cloud,
    // The configuration has at least one.
    project: projects[0] as ProjectId,
    clock,
    refusedPauseMs: cloudConfig.breaker.authOpenMs,
    signal: hardStop.signal,
    onError: (error) => logger.error({ err: error }, "the cloud could not be asked"),
  });
  const journal = createJournal(logger, metrics, clock);
  const broker: Broker = createBroker(amqp, {
    onEvent: (level, message, fields) => logger[level](fields, message),
    onPublished: (kind, outcome, seconds) => metrics.published(kind, outcome, seconds),
    onReplyGivenUp: (why) => metrics.replyGivenUp(why),
    onPolicies: (report) => metrics.queuePolicies(report),
    around: tracing?.publication,
    // Not waited for: a Redis that is away must not keep the broker's topology waiting.
    onTopology: ({ createdFresh }) => {
      if (createdFresh) void openFirstEpoch(scripts, projects, clock, hardStop.signal);
    },
  });
  const deps = {
    cloud: meteredCloud(tracing?.cloud(cloud) ?? cloud, metrics),
    store: meteredStore(tracing?.store(store) ?? store, {
      metrics,
      clock,
      settleMs: rules.settleMs,
    }),
    evidence: tracing?.evidence(evidence) ?? evidence,
    clock,
    rules,
    reach,
    journal: tracing?.journal(journal) ?? journal,
    projects,
    outlet: marksInStoreTime(broker.outlet, storeClock),
    region: cloudConfig.region,
    intake: intakeRules(config, amqp),
    signal: hardStop.signal,
  };
  const worker = takenInOurTime(createWorker(deps), storeClock);

  const brakes = createBrakesView({
    projects,
    pausedByConfiguration: config.brakes.paused,
    standing: () => pauseKeeper.standing(),
    readAtMs: () => pauseKeeper.readAtMs(),
  });
  const pauseWatch = watchPauses(brakes, projects, metrics, logger);
  const pauseKeeper = createPauseKeeper({
    store: createPauseStore(redis, scripts),
    projects,
    clock,
    intervalMs: pauseIntervalMs(config),
    ...pauseWatch,
  });

  const health = createHealth(
    [brokerProbe(broker), { name: "redis", check: () => redisHealth.check() }, cloudProbe(cloud)],
    () => clock.nowMs(),
  );
  const http = createHttpServer({
    host: config.http.host,
    port: config.http.port,
    metrics,
    health,
    views: createCommandViews(redis, projects),
    brakes,
    onError: (error) => logger.error({ err: error }, "http request failed"),
  });
  const sweeper = createSweeper({
    sweep: createSweep({
      ...deps,
      stranded: createStrandedCommands(redis, clock, protocol.sweepIntervalMs),
      complete: createComplete(deps),
      sweepAfterMs: protocol.sweepAfterMs,
      onSwept(result, commandId, projectId) {
        metrics.swept(result);
        if (result !== "stuck") return;
        logger.error({ commandId, projectId }, "an open command cannot be taken up");
      },
    }),
    isSteady: () => health.allUp(),
    intervalMs: protocol.sweepIntervalMs,
    steadyMs: protocol.sweepAfterMs,
    clock,
    onSwept: (count) => {
      if (count > 0) logger.warn({ count }, "commands that had stopped moving were taken up");
    },
    onError: (error) => logger.error({ err: error }, "sweep failed"),
  });
  const gauges = createGauges(metrics, {
    health,
    cloud,
    redisClockOffsetMs: () => redisHealth.clockOffsetMs(),
    census: () =>
      takeCensus({ redis, scripts }, projects, protocol.jobDeadlineMs, config.brakes.paused),
    queueLengths: () => broker.queueLengths(),
    budgetLeft: () => budget.left(projects),
    overdue: () => findOverdue(redis, projects, protocol.pollIntervalsMs),
    evidence: () => evidence.counts(),
    onError: (error) => logger.warn({ err: error }, "the store could not be counted"),
  });
  watchRedis(redis, {
    durability: config.redis.durability,
    log: (level, message, fields) => logger[level](fields, message),
    refuse: fatal.reject,
    onReady: () => void gauges.count(),
  });

  let endWatch = () => {};
  let endRedisWatch = () => {};
  return {
    logger,
    fatal: fatal.promise,
    flushLog: log.flush,
    httpAddress: () => http.address(),
    async start() {
      await http.start();
      await tracing?.start();
      redisProbe.start();
      // Rejects when the first try fails; the client goes on trying, and its events say so.
      redis.connect().catch(() => undefined);
      broker.start(
        createDeliveries({
          worker,
          metrics,
          logger,
          clock,
          commandsQueue: config.amqp.names.commandsQueue,
          signal: hardStop.signal,
          traced: (handler) => tracing?.delivery(handler) ?? handler,
        }),
      );
      endWatch = watchForChange(
        () => amqpSecrets(amqp),
        () => {
          logger.info("the broker's address, user or TLS files have changed");
          broker.renew();
        },
      );
      endRedisWatch = watchForChange(
        () => Object.values(redisCredentials(config.redis)).map((one) => one ?? ""),
        () =>
          void renewAccess(redis, redisCredentials(config.redis), (level, message, fields) =>
            logger[level](fields, message),
          ),
      );
      gauges.start();
      sweeper.start();
      pauseKeeper.start();
      prover.start();
      const proxies = namesOf(cloudConfig.proxies);
      logger.info({ http: http.address(), projects: projects.length, proxies }, "worker started");
    },
    async stop() {
      logger.info({ graceMs: config.shutdown.graceMs }, "worker stops");
      const hard = setTimeout(() => hardStop.abort(), config.shutdown.graceMs - CLOSE_MS);
      sweeper.stop();
      endWatch();
      endRedisWatch();
      pauseKeeper.stop();
      prover.stop();
      await broker.stop(hardStop.signal);
      clearTimeout(hard);
      hardStop.abort();
      gauges.stop();
      redisProbe.stop();
      await cloud.close();
      redis.disconnect();
      await http.stop();
      await tracing?.stop();
      logger.info("worker stopped");
    },
  };
}

/** Left of the grace time for closing connections after the last step. */
const CLOSE_MS = 2_000;

function tracingOf(config: Config, version: string, logger: Logger): Tracing | null {
  return createTracing(config.tracing && { ...config.tracing, version }, {
    stepType: STEP_TYPE,
    endpoints: config.cloud,
    onProblem: (message, fields) => logger.warn(fields, message),
  });
}

function versionOfPackage(): string {
  const file = new URL("../package.json", import.meta.url);
  const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
  return typeof parsed === "object" && parsed !== null && "version" in parsed
    ? String(parsed.version)
    : "unknown";
}

function withResolvers(): { promise: Promise<never>; reject: (reason: Error) => void } {
  let reject: (reason: Error) => void = () => {};
  const promise = new Promise<never>((_resolve, no) => {
    reject = no;
  });
  // Whoever starts the app listens; a rejection before that must not end the process unheard.
  promise.catch(() => undefined);
  return { promise, reject };
}
