import { takenInOurTime } from "./adapters/redis/in-store-time.ts";
import { createWatchedAudit } from "./composition/audit.ts";
import { createBrakes, createMemory } from "./composition/brakes.ts";
import { consume, createWatchedBroker, renewWhenChanged } from "./composition/broker.ts";
import { createCloud } from "./composition/cloud.ts";
import { createGround, type Ground } from "./composition/ground.ts";
import { createWatchedHttp } from "./composition/http.ts";
import { type Part, startInOrder, stopInReverse } from "./composition/lifecycle.ts";
import { amqpSettings } from "./composition/settings.ts";
import { doctorAtStart } from "./composition/doctor.ts";
import { createStores, watchStores } from "./composition/stores.ts";
import {
  createWatchedGauges,
  createWatchedHealth,
  createWatchedInHand,
  createWatchedSweeper,
} from "./composition/watchers.ts";
import { workerDeps } from "./composition/worker-deps.ts";
import type { Config } from "./config/assemble.ts";
import { namesOf } from "./config/proxy.ts";
import type { Logger } from "./observe/logging/logger.ts";
import { createSituation } from "./observe/situation.ts";
import type { ReachPoint } from "./steps/ports/clock.ts";
import { createWorkLag } from "./steps/work-lag.ts";
import { createWorker } from "./worker.ts";

/** What a process may do otherwise than production. */
export interface AppOptions {
  /** Tests arm places in the code; in production there is nothing to reach. */
  readonly reach?: ReachPoint;
}

/** The whole worker, as the process runs it. */
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
}

/** Left of the grace time for closing connections after the last step. */
const CLOSE_MS = 2_000;

/** Puts the worker together from the parts in src/composition, and says in which order they start and stop. */
export function createApp(config: Config, { reach = () => {} }: AppOptions = {}): App {
  const ground = createGround(config);
  const { logger, tracing, projects } = ground;
  const fatal = withResolvers();
  const amqp = amqpSettings(config);

  const stores = createStores(ground);
  const { cloud, prover, part: cloudConnections } = createCloud(ground, stores);
  let queuesExisted: boolean | null = null;
  const broker = createWatchedBroker(ground, stores, amqp, ({ createdFresh }) => {
    queuesExisted = !createdFresh;
  });
  const deps = workerDeps(ground, stores, { broker, cloud, amqp, reach });
  const worker = takenInOurTime(createWorker(deps), stores.storeClock);

  const watched = { broker, cloud, stores };
  const brakes = createBrakes(ground, stores);
  const memory = createMemory(ground, stores, () => queuesExisted);
  const inHand = createWatchedInHand(ground);
  const lag = () => createWorkLag(ground.clock, config.protocol.sweepAfterMs);
  const [workLag, waitingLag] = [lag(), lag()];
  const health = createWatchedHealth(ground, watched, inHand);
  const situation = createSituation();
  const http = createWatchedHttp(ground, stores, {
    cloud,
    health,
    brakes: brakes.view,
    situation,
  });
  const gauges = createWatchedGauges(ground, watched, {
    health,
    brakes: brakes.view,
    situation,
  });
  const storeWatch = watchStores(ground, stores, {
    refuse: fatal.reject,
    onReady: () => void gauges.count(),
  });

  // HTTP first and last: probes are answered for as long as anything runs.
  const parts: readonly Part[] = [
    http,
    ...(tracing === null ? [] : [tracing]),
    stores.part,
    cloudConnections,
    gauges,
    stepsInHand(ground),
    consume(ground, broker, { worker, inHand, workLag, waitingLag }),
    renewWhenChanged(ground, broker, amqp),
    storeWatch,
    createWatchedSweeper(ground, stores, { deps, health, workLag, waitingLag }),
    brakes.keeper,
    memory,
    createWatchedAudit(ground, stores, deps),
    prover,
    doctorAtStart(ground, health),
  ];

  return {
    logger,
    fatal: fatal.promise,
    flushLog: ground.flushLog,
    async start() {
      await startInOrder(parts);
      const proxies = namesOf(config.cloud.proxies);
      logger.info({ http: http.address(), projects: projects.length, proxies }, "worker started");
    },
    async stop() {
      const { graceMs } = config.shutdown;
      logger.info({ graceMs }, "worker stops");
      const hard = setTimeout(() => ground.hardStop.abort(), graceMs - CLOSE_MS);
      await stopInReverse(parts);
      clearTimeout(hard);
      logger.info("worker stopped");
    },
  };
}

/** What is still in hand once nothing is consumed any more ends with the other connections. */
function stepsInHand({ hardStop }: Ground): Part {
  return { stop: () => hardStop.abort() };
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
