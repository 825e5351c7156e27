import { join } from "node:path";
import {
  DEFAULT_ACCESS_KEY,
  DEFAULT_PROJECT_ID,
  DEFAULT_PROJECT_NAME,
  DEFAULT_SECRET_KEY,
} from "../src/simulator/defaults.ts";
import { startSimulator } from "../src/simulator/server.ts";
import type { SimulatedServer, Simulator } from "../src/simulator/simulator.ts";
import { ownedDirectory } from "../test/support/processes/child-process.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../test/support/rabbitmq/rabbitmq.ts";
import { type PrivateRedis, startRedis } from "../test/support/redis/redis.ts";
import { CAST } from "./story.ts";
import { CLOUD_TIMES, WORKER_TIMES } from "./timing.ts";
import { startWorkerProcess, type WorkerProcess } from "./worker-process.ts";

/** Everything the story needs, private to it: own ports, own data, gone at the end. */
export interface Stage {
  readonly rabbitMq: PrivateRabbitMq;
  readonly redis: PrivateRedis;
  readonly simulator: Simulator;
  /** In the order of their start, the killed one included. */
  readonly workers: readonly WorkerProcess[];
  readonly startWorker: () => Promise<WorkerProcess>;
  /** One that has no part in the story: with the product's own brakes, and on these addresses. */
  readonly addWorker: (
    name: string,
    addresses: { readonly AMQP_URL: string; readonly REDIS_URL: string },
  ) => Promise<WorkerProcess>;
  /** Throws for a name that is not in the cast. */
  readonly serverNamed: (name: string) => SimulatedServer;
}

/** Tells how a step of the set-up goes; answers what the step answers. */
export type Announce = <T>(
  what: string,
  work: () => Promise<T>,
  said: (result: T) => string,
) => Promise<T>;

/** Must be called even when `openStage` failed: what was opened before the failure is closed. */
export type Close = () => Promise<void>;

export function createStage(announce: Announce): {
  readonly open: () => Promise<Stage>;
  readonly close: Close;
} {
  const closers: Close[] = [];
  const workers: WorkerProcess[] = [];
  let closing: Promise<void> | undefined;

  async function open(): Promise<Stage> {
    const logs = await opened(ownedDirectory("ecs-demo-"), (folder) => folder.remove());
    const [rabbitMq, redis, simulator] = await Promise.all([
      announce(
        "RabbitMQ",
        () => opened(startRabbitMq(), (broker) => broker.stop()),
        ({ url }) => url,
      ),
      announce(
        "Redis",
        () => opened(startRedis({ appendOnly: true }), (server) => server.stop()),
        ({ url }) => url,
      ),
      announce(
        "simulated cloud",
        () => opened(startSimulator(CLOUD_TIMES), (cloud) => cloud.close()),
        ({ url }) => url,
      ),
    ]);
    const servers = castServers(simulator);
    const settings = workerSettings(rabbitMq, redis, simulator);
    const start = (name: string, own: Readonly<Record<string, string>>) =>
      opened(
        startWorkerProcess(name, { ...settings, ...own }, join(logs.path, `${name}.log`)),
        (one) => one.stop(),
      );
    const startWorker = async (name = `worker-${workers.length + 1}`) => {
      const worker = await start(name, STORY_BRAKES);
      workers.push(worker);
      workers.sort((a, b) => a.name.localeCompare(b.name));
      return worker;
    };
    await Promise.all(
      ["worker-1", "worker-2"].map((name) =>
        announce(
          name,
          () => startWorker(name),
          ({ url, pid }) => `${url}  pid ${pid}`,
        ),
      ),
    );
    return {
      rabbitMq,
      redis,
      simulator,
      workers,
      startWorker: () => startWorker(),
      addWorker: start,
      serverNamed(name) {
        const server = servers.get(name);
        if (server === undefined) throw new Error(`no server ${name} in the cast`);
        return server;
      },
    };
  }

  /** Remembers how to close what is being opened, also when somebody has asked to close in the meantime. */
  async function opened<T>(opening: Promise<T>, close: (it: T) => Promise<void>): Promise<T> {
    const it = await opening;
    if (closing !== undefined) {
      await close(it);
      throw new Error("the demo is being ended");
    }
    closers.push(() => close(it));
    return it;
  }

  async function closeAll(): Promise<void> {
    // The workers first and together: they would look for a broker that is gone.
    await Promise.all(workers.map((worker) => worker.stop()));
    await Promise.all(closers.reverse().map((close) => close()));
  }

  return {
    open,
    close: () => (closing ??= closeAll()),
  };
}

/** The story shows many servers at once. */
const STORY_BRAKES = { BRAKES_MAX_RUNNING: "1000", BRAKES_STORM_ASKS: "0" };

function castServers(simulator: Simulator): ReadonlyMap<string, SimulatedServer> {
  return new Map(
    CAST.map(({ name, spec, fault }) => {
      const server = simulator.addServer({ ...spec, name });
      if (fault !== undefined) simulator.faults.set({ ...fault, serverId: server.id });
      return [name, server];
    }),
  );
}

function workerSettings(
  { url: amqpUrl }: PrivateRabbitMq,
  { url: redisUrl }: PrivateRedis,
  { url: cloudUrl }: Simulator,
): Readonly<Record<string, string>> {
  return {
    AMQP_URL: amqpUrl,
    REDIS_URL: redisUrl,
    ECS_ENDPOINT: cloudUrl,
    IAM_ENDPOINT: cloudUrl,
    ECS_REGION: DEFAULT_PROJECT_NAME,
    ECS_PROJECTS: DEFAULT_PROJECT_ID,
    ECS_ACCESS_KEY: DEFAULT_ACCESS_KEY,
    ECS_SECRET_KEY: DEFAULT_SECRET_KEY,
    ...WORKER_TIMES,
  };
}
