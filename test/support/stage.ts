import { expect } from "vitest";
import type { SimulatorOptions } from "../../src/simulator/options.ts";
import {
  DEFAULT_ACCESS_KEY,
  DEFAULT_PROJECT_ID,
  DEFAULT_SECRET_KEY,
} from "../../src/simulator/defaults.ts";
import { startSimulator } from "../../src/simulator/server.ts";
import type { Simulator } from "../../src/simulator/simulator.ts";
import { auditHistory, auditRest, type LocksOf } from "./audit.ts";
import type { StageUsers } from "./rabbitmq/documented-users.ts";
import { type Emitter, reinstallCommand, startEmitter } from "./emitter/emitter.ts";
import { eventually } from "./eventually.ts";
import {
  createFailureReport,
  type FailureReport,
  reportWithTests,
} from "./suite/failure-report.ts";
import type { RabbitMqManagement } from "./rabbitmq/rabbitmq-management.ts";
import { type SharedServices, sharedServices } from "./services.ts";
import { type FailPoint, startWorker, type WorkerProcess } from "./worker/worker-process.ts";

export interface StageOptions {
  readonly rabbitMq: Pick<RabbitMqManagement, "queueDepths"> & {
    readonly url: string;
    /** Whom workers and emitter log in as; without it as who may do everything. */
    users?(): Promise<StageUsers>;
  };
  readonly redisUrl: string;
  /** Where the keys are on more than one server: what the audit looks at instead of `redisUrl`. */
  readonly locks?: LocksOf;
  /** Instead of one that lives as long as its connection; closed with the stage. */
  readonly emitter?: Emitter;
  /** What the workers connect to, when a proxy stands between. */
  readonly through?: { readonly amqp?: string; readonly redis?: string; readonly cloud?: string };
  readonly simulator?: Partial<SimulatorOptions>;
  readonly env?: Readonly<Record<string, string>>;
}

/** A worker's whole world on this machine: broker and Redis given, cloud simulated, another service that sends and listens. */
export interface Stage {
  readonly simulator: Simulator;
  readonly emitter: Emitter;
  readonly workers: readonly WorkerProcess[];
  /** Starts one more worker and waits until it is ready. */
  addWorker(
    failPoints?: readonly FailPoint[],
    env?: Readonly<Record<string, string>>,
    logFile?: string,
  ): Promise<WorkerProcess>;
  /** The same without waiting: for a worker that dies or waits at its start. */
  spawnWorker(
    failPoints?: readonly FailPoint[],
    env?: Readonly<Record<string, string>>,
    logFile?: string,
  ): Promise<WorkerProcess>;
  /** A valid command for a server. */
  command(id: string, serverId: string, more?: Readonly<Record<string, unknown>>): object;
  /** How often the cloud really reinstalled this server. */
  reinstalls(serverId: string): number;
  /** Everything that must hold, at rest; fails the test with what does not. */
  audit(commands: readonly string[], unresolved?: readonly string[]): Promise<void>;
  readonly failureReport: FailureReport;
  close(): Promise<void>;
}

/** Everything in a hundredth of its real time, the signature window included. */
export const FAST: Readonly<Record<string, string>> = {
  UNSAFE_TEST_WINDOWS: "true",
  POLL_INTERVALS_MS: "100,200,500,1000",
  POST_FENCE_MS: "6000",
  JOB_DEADLINE_MS: "60000",
  REBUILD_HOLD_MS: "1500",
  ECS_REQUESTS_PER_SECOND: "1000",
  ECS_REQUEST_BURST: "1000",
  // A cloud that turns one call away is no small quota in tests of something else.
  ECS_LEAST_REQUESTS_PER_MINUTE: "60000",
};

/** `ofOneTest`: whoever opens it tells itself what its workers said when the test fails. */
export async function openStage(options: StageOptions, ofOneTest = false): Promise<Stage> {
  const simulator = await startSimulator({
    jobDurationMs: 1_000,
    stopDurationMs: 200,
    signatureWindowMs: 4_000,
    ...options.simulator,
  });
  const users = await options.rabbitMq.users?.();
  const emitter = options.emitter ?? (await startEmitter(options.rabbitMq.url, users?.emitter));
  const workers: WorkerProcess[] = [];
  const failureReport = createFailureReport({ workers, simulator, emitter }, options);
  reportWithTests(failureReport, ofOneTest);
  const cloudUrl = options.through?.cloud ?? simulator.url;

  const spawnWorker: Stage["spawnWorker"] = async (failPoints = [], env = {}, logFile) => {
    const worker = await startWorker(
      {
        ...FAST,
        AMQP_URL: options.through?.amqp ?? users?.worker ?? options.rabbitMq.url,
        REDIS_URL:
          options.through?.redis ?? users?.workerRedis.get(options.redisUrl) ?? options.redisUrl,
        ECS_ENDPOINT: cloudUrl,
        IAM_ENDPOINT: cloudUrl,
        ECS_PROJECTS: DEFAULT_PROJECT_ID,
        ECS_ACCESS_KEY: DEFAULT_ACCESS_KEY,
        ECS_SECRET_KEY: DEFAULT_SECRET_KEY,
        ...options.env,
        ...env,
      },
      failPoints,
      logFile,
    );
    workers.push(worker);
    return worker;
  };

  return {
    simulator,
    emitter,
    workers,
    spawnWorker,
    async addWorker(failPoints, env, logFile) {
      const worker = await spawnWorker(failPoints, env, logFile);
      await worker.ready();
      return worker;
    },
    command: reinstallCommand,
    reinstalls: (serverId) => simulator.ledger().servers[serverId]?.reinstallsExecuted ?? 0,
    async audit(commands, unresolved = []) {
      const heard = emitter.heard();
      await eventually(
        async () => {
          const wrong = [
            ...auditHistory({ heard, simulator, commands }),
            ...(await auditRest(options.rabbitMq, options.locks ?? options.redisUrl, unresolved)),
          ];
          expect(wrong).toEqual([]);
        },
        { what: "a clean audit", timeoutMs: 30_000, intervalMs: 250 },
      );
    },
    failureReport,
    async close() {
      failureReport.close();
      await Promise.all(workers.map((worker) => worker.kill()));
      await emitter.close();
      await simulator.close();
    },
  };
}

export type WithoutServices = Omit<StageOptions, "rabbitMq" | "redisUrl">;

/** A stage on the run's broker and Redis, with a vhost and a database of its own: for all tests of a file, or of a group. */
export interface SharedStage extends Stage {
  readonly services: SharedServices;
}

/** Open it in `beforeAll`, close it in `afterAll`: its services are closed with it. Has no worker yet. */
export async function openOnSharedServices(options: WithoutServices = {}): Promise<SharedStage> {
  const services = await sharedServices();
  const { rabbitMq, redis } = services;
  const stage = await openStage({ ...options, rabbitMq, redisUrl: redis.url }).catch(
    async (error: unknown) => {
      await services.close();
      throw error;
    },
  );
  return {
    ...stage,
    services,
    async close() {
      await stage.close();
      await services.close();
    },
  };
}
