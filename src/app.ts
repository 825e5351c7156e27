import { setMaxListeners } from "node:events";
import { readFileSync } from "node:fs";
import { type Broker, createBroker } from "./adapters/amqp/broker.ts";
import {
  ARRIVAL_TYPE,
  ARRIVED_AT_HEADER,
  DOUBT_HEADER,
  STEP_TYPE,
} from "./adapters/amqp/publications.ts";
import type { Delivery as AmqpDelivery } from "./adapters/amqp/delivery.ts";
import type { AmqpSettings } from "./adapters/amqp/settings.ts";
import { createCloudApi } from "./adapters/cloud/cloud-api.ts";
import { createRedisBudget } from "./adapters/redis/budget.ts";
import { createRedisClient, type RedisClient } from "./adapters/redis/client.ts";
import { durabilityProblems } from "./adapters/redis/durability.ts";
import { openFirstEpoch } from "./adapters/redis/epoch.ts";
import { createDiskEvidence } from "./adapters/redis/evidence.ts";
import { createReinstallStore } from "./adapters/redis/exclusivity.ts";
import { createRedisHealth } from "./adapters/redis/health.ts";
import { createScriptRunner } from "./adapters/redis/script-runner.ts";
import { createStrandedCommands } from "./adapters/redis/stranded.ts";
import { createCommandViews } from "./adapters/redis/views.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config/assemble.ts";
import { secretsOf } from "./config/secrets-of.ts";
import type { Rules } from "./core/rules.ts";
import { createHealth } from "./observe/health.ts";
import { createHttpServer } from "./observe/http-server.ts";
import { createJournal } from "./observe/journal.ts";
import type { QueueRole } from "./observe/labels.ts";
import { createLogger, type Logger } from "./observe/logger.ts";
import { createMetrics, type Metrics } from "./observe/metrics.ts";
import { createTracing, type Tracing } from "./observe/tracing.ts";
import { createComplete } from "./steps/complete.ts";
import type { Disposition, ReachPoint } from "./steps/ports.ts";
import { createSweep } from "./steps/sweep.ts";
import { createSweeper } from "./sweeper.ts";
import { createWorker, type Worker } from "./worker.ts";

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
  httpAddress(): { readonly host: string; readonly port: number } | null;
}

/** Puts the worker together: adapters, steps, worker, what watches over them. The only file that knows all others. */
export function createApp(config: Config, { reach = () => {} }: AppOptions = {}): App {
  const { protocol, cloud: cloudConfig } = config;
  const logger = createLogger({ level: config.log.level, secrets: secretsOf(config) });
  const version = versionOfPackage();
  const metrics = createMetrics({ version });
  const tracing = tracingOf(config, version, logger);
  const clock = systemClock;
  const hardStop = new AbortController();
  // One signal for everything in hand: more than ten listeners are no leak.
  setMaxListeners(0, hardStop.signal);
  const projects = cloudConfig.projects;
  const rules: Rules = { ...protocol, ladderMs: protocol.pollIntervalsMs };
  const fatal = withResolvers();

  const redis = createRedisClient(config.redis);
  const redisHealth = createRedisHealth(redis, (refusal) =>
    logger.error(refusal, "redis refuses what the worker asks"),
  );
  const scripts = createScriptRunner(redis, redisHealth);
  const store = createReinstallStore(
    redis,
    scripts,
    {
      rebuildHoldMs: protocol.rebuildHoldMs,
      dedupTtlMs: protocol.dedupTtlMs,
      waitReplicas: config.redis.waitReplicas,
      waitTimeoutMs: config.redis.waitTimeoutMs,
    },
    clock,
  );
  const evidence = createDiskEvidence(redis, cloudConfig.region, protocol.evidenceMinSamples);
  const cloud = createCloudApi(
    { ...cloudConfig, caPem: cloudConfig.caPem?.() },
    {
      clock,
      budget: createRedisBudget({ redis, clock, ...cloudConfig.budget }),
      onRequest(request) {
        metrics.cloudRequest(request);
        tracing?.cloudRequest(request);
      },
    },
  );
  const journal = createJournal(logger, metrics, clock);
  const broker: Broker = createBroker(amqpSettings(config), {
    onEvent: (level, message, fields) => logger[level](fields, message),
    onPublished: (kind, outcome) => metrics.published(kind, outcome),
    around: tracing?.publication,
    // Not waited for: a Redis that is away must not keep the broker's topology waiting.
    onTopology: ({ createdFresh }) => {
      if (createdFresh) void openFirstEpoch(scripts, projects, clock, hardStop.signal);
    },
  });
  const deps = {
    cloud: tracing?.cloud(cloud) ?? cloud,
    store: tracing?.store(store) ?? store,
    evidence: tracing?.evidence(evidence) ?? evidence,
    clock,
    rules,
    reach,
    journal: tracing?.journal(journal) ?? journal,
    projects,
    outlet: broker.outlet,
    region: cloudConfig.region,
    commandMaxAgeMs: protocol.commandMaxAgeMs,
    signal: hardStop.signal,
  };
  const worker = createWorker(deps);

  const health = createHealth(
    [
      { name: "rabbitmq", check: () => brokerHealth(broker) },
      { name: "redis", check: () => redisHealth.check() },
      { name: "cloud", check: () => cloudHealth(cloud.state()) },
    ],
    () => clock.nowMs(),
  );
  const http = createHttpServer({
    host: config.http.host,
    port: config.http.port,
    metrics,
    health,
    views: createCommandViews(redis, projects),
    onError: (error) => logger.error({ err: error }, "http request failed"),
  });
  const sweeper = createSweeper({
    sweep: createSweep({
      ...deps,
      stranded: createStrandedCommands(redis, clock),
      complete: createComplete(deps),
      sweepAfterMs: protocol.sweepAfterMs,
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
  const observer = setInterval(() => observe(metrics, health, cloud), 1_000);
  observer.unref();

  watchRedis(redis, config, logger, fatal.reject);

  return {
    logger,
    fatal: fatal.promise,
    httpAddress: () => http.address(),
    async start() {
      await http.start();
      await tracing?.start();
      // Rejects when the first try fails; the client goes on trying, and its events say so.
      redis.connect().catch(() => undefined);
      broker.start({
        commands: guarded("commands", (delivery) => worker.takeCommand(delivery)),
        work: guarded("work", (delivery) => takeWork(worker, delivery)),
        workDead: guarded("work-dead", (delivery) => takeDead(worker, config, delivery)),
      });
      sweeper.start();
      logger.info({ http: http.address(), projects: projects.length }, "worker started");
    },
    async stop() {
      logger.info({ graceMs: config.shutdown.graceMs }, "worker stops");
      const hard = setTimeout(() => hardStop.abort(), config.shutdown.graceMs - CLOSE_MS);
      sweeper.stop();
      await broker.stop(hardStop.signal);
      clearTimeout(hard);
      hardStop.abort();
      clearInterval(observer);
      await cloud.close();
      redis.disconnect();
      await http.stop();
      await tracing?.stop();
      logger.info("worker stopped");
    },
  };

  /** The only catch-all: a bug in a step is told, counted, and left to the queue's delivery limit. */
  function guarded(
    queue: QueueRole,
    untraced: (delivery: AmqpDelivery) => Promise<Disposition>,
  ): (delivery: AmqpDelivery) => Promise<Disposition> {
    const take = tracing?.delivery(untraced) ?? untraced;
    return async (delivery) => {
      const settled = metrics.delivery(queue, delivery.redelivered);
      try {
        const disposition = await take(delivery);
        settled(disposition);
        return disposition;
      } catch (error) {
        logger.error({ err: error, queue, messageId: delivery.messageId }, "step threw");
        settled("requeue");
        await clock.sleep(THROWN_PAUSE_MS, hardStop.signal);
        return "requeue";
      }
    };
  }
}

/** Left of the grace time for closing connections after the last step. */
const CLOSE_MS = 2_000;
/** A message that makes us throw must not spin. */
const THROWN_PAUSE_MS = 1_000;

function takeWork(worker: Worker, delivery: AmqpDelivery): Promise<Disposition> {
  if (delivery.type !== ARRIVAL_TYPE) return worker.takeStep(delivery);
  return worker.takeCommand(delivery, {
    arrivedAtMs: Number(delivery.headers[ARRIVED_AT_HEADER] ?? Date.now()),
    doubt: delivery.headers[DOUBT_HEADER] === true,
  });
}

/** What the broker gave up on comes from `commands` or from `work`; only the latter holds steps. */
function takeDead(worker: Worker, config: Config, delivery: AmqpDelivery): Promise<Disposition> {
  const deaths = delivery.headers["x-death"];
  const origin: unknown = Array.isArray(deaths) ? deaths[0]?.queue : undefined;
  const command = origin === config.amqp.names.commandsQueue || delivery.type === ARRIVAL_TYPE;
  return worker.takeDead(delivery, command ? "command" : "step");
}

function brokerHealth(broker: Broker) {
  const status = broker.status();
  if (status.ready) return { state: "up" as const, detail: null };
  const detail = status.topologyProblem?.message ?? status.lastError;
  return { state: "down" as const, detail: status.blocked ? `blocked: ${detail ?? ""}` : detail };
}

function cloudHealth(state: { readonly endpoint: string; readonly auth: string }) {
  if (state.auth === "open") {
    return { state: "down" as const, detail: "the cloud refuses our credentials; nothing is sent" };
  }
  if (state.endpoint === "open")
    return { state: "down" as const, detail: "the API does not answer" };
  return { state: "up" as const, detail: null };
}

function observe(
  metrics: Metrics,
  health: ReturnType<typeof createHealth>,
  cloud: ReturnType<typeof createCloudApi>,
): void {
  for (const { name, state } of health.dependencies()) {
    if (name === "rabbitmq" || name === "redis" || name === "cloud") {
      metrics.dependency(name, state === "up" || state === "degraded");
    }
  }
  const { endpoint, auth } = cloud.state();
  metrics.breaker("ecs", endpoint);
  metrics.breaker("auth", auth);
  const offsetMs = cloud.clockOffsetMs();
  if (offsetMs !== null) metrics.clockOffset(-offsetMs / 1000);
}

/** Logs the connection's fate, and judges each server it finds by whether it may forget. */
function watchRedis(
  redis: RedisClient,
  config: Config,
  logger: Logger,
  refuse: (reason: Error) => void,
): void {
  redis.on("error", (error: Error) =>
    logger.warn({ detail: error.message }, "redis connection failed"),
  );
  redis.on("ready", () => {
    logger.info("redis connected");
    void judgeDurability(redis, config, logger, refuse);
  });
}

async function judgeDurability(
  redis: RedisClient,
  config: Config,
  logger: Logger,
  refuse: (reason: Error) => void,
): Promise<void> {
  try {
    const problems = await durabilityProblems(redis);
    for (const problem of problems) logger.warn({ problem }, "redis may forget");
    if (problems.length > 0 && config.redis.durability === "strict") {
      refuse(new Error(`REDIS_DURABILITY=strict: ${problems.join("; ")}`));
    }
  } catch (error) {
    logger.warn({ err: error }, "redis durability could not be checked");
  }
}

function amqpSettings({ amqp, protocol }: Config): AmqpSettings {
  const { tls, ...rest } = amqp;
  const { caPem, certPem, keyPem, passphrase, servername } = tls;
  return {
    ...rest,
    delaysMs: protocol.pollIntervalsMs,
    tls: {
      ...(caPem && { caPem: caPem() }),
      ...(certPem && { certPem: certPem() }),
      ...(keyPem && { keyPem: keyPem() }),
      ...(passphrase && { passphrase: passphrase() }),
      ...(servername && { servername }),
    },
  };
}

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
