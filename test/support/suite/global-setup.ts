import type { TestProject } from "vitest/node";
import { rabbitMqManagement } from "../rabbitmq/rabbitmq-management.ts";
import {
  loadedModules,
  MODULES_VARIABLE,
  type PrivateRabbitMq,
  startRabbitMq,
} from "../rabbitmq/rabbitmq.ts";
import { type PrivateRedis, startRedis } from "../redis/redis.ts";
import { BUNDLE_VARIABLE, bundleWorker } from "../worker/worker-bundle.ts";

/** Where the run's shared services are: started here, or given in the environment. */
export interface SharedAddresses {
  readonly rabbitMqUrl: string;
  readonly rabbitMqManagementUrl: string;
  readonly redisUrl: string;
  /** How many logical databases the Redis has for us; 0 when it is somebody else's. */
  readonly redisDatabases: number;
}

declare module "vitest" {
  export interface ProvidedContext {
    sharedServices: SharedAddresses;
  }
}

/**
 * Vitest's globalSetup of the projects that need services. Vitest calls it once for each project that has files to
 * run, and loads this module afresh each time; all of them share one RabbitMQ and one Redis.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const run = globalThis as { [SHARED]?: Promise<Started> };
  run[SHARED] ??= startOnce();
  const started = await run[SHARED];
  started.users += 1;
  project.provide("sharedServices", started.addresses);
  return async () => {
    started.users -= 1;
    if (started.users > 0) return;
    delete run[SHARED];
    await started.stop();
  };
}

const REDIS_DATABASES = 1024;
const SHARED = Symbol.for("ecs-reinstall-worker.shared-services");

interface Started {
  readonly addresses: SharedAddresses;
  users: number;
  stop(): Promise<void>;
}

async function startOnce(): Promise<Started> {
  const given = givenAddresses();
  const [[rabbitMq, redis], bundle] = await Promise.all([
    bothOrNone(
      given.rabbitMqUrl === undefined ? startRabbitMq() : undefined,
      given.redisUrl === undefined
        ? startRedis({ extraArgs: ["--databases", `${REDIS_DATABASES}`] })
        : undefined,
    ),
    bundleWorker(),
  ]);
  const rabbitMqUrl = given.rabbitMqUrl ?? rabbitMq?.url ?? "";
  const rabbitMqManagementUrl = given.rabbitMqManagementUrl ?? rabbitMq?.managementUrl ?? "";
  if (bundle !== undefined) process.env[BUNDLE_VARIABLE] = bundle.path;
  if (rabbitMq !== undefined) process.env[MODULES_VARIABLE] = await loadedModules(rabbitMq);
  // A clear failure here, not in the first test.
  await rabbitMqManagement(rabbitMqUrl, rabbitMqManagementUrl).api("GET", "/overview");
  return {
    addresses: {
      rabbitMqUrl,
      rabbitMqManagementUrl,
      redisUrl: given.redisUrl ?? redis?.url ?? "",
      redisDatabases: redis === undefined ? 0 : REDIS_DATABASES,
    },
    users: 0,
    async stop() {
      delete process.env[BUNDLE_VARIABLE];
      delete process.env[MODULES_VARIABLE];
      await Promise.all([rabbitMq?.stop(), redis?.stop(), bundle?.remove()]);
    },
  };
}

function givenAddresses() {
  const { TEST_RABBITMQ_URL, TEST_RABBITMQ_MANAGEMENT_URL, TEST_REDIS_URL } = process.env;
  if (TEST_RABBITMQ_URL !== undefined && TEST_RABBITMQ_MANAGEMENT_URL === undefined) {
    throw new Error("TEST_RABBITMQ_URL needs TEST_RABBITMQ_MANAGEMENT_URL (http://host:15672) too");
  }
  return {
    rabbitMqUrl: TEST_RABBITMQ_URL,
    rabbitMqManagementUrl: TEST_RABBITMQ_MANAGEMENT_URL,
    redisUrl: TEST_REDIS_URL,
  };
}

async function bothOrNone(
  rabbitMqStart: Promise<PrivateRabbitMq> | undefined,
  redisStart: Promise<PrivateRedis> | undefined,
): Promise<[PrivateRabbitMq | undefined, PrivateRedis | undefined]> {
  const [rabbitMq, redis] = await Promise.allSettled([rabbitMqStart, redisStart]);
  if (rabbitMq.status === "fulfilled" && redis.status === "fulfilled") {
    return [rabbitMq.value, redis.value];
  }
  if (rabbitMq.status === "fulfilled") await rabbitMq.value?.stop();
  if (redis.status === "fulfilled") await redis.value?.stop();
  throw rabbitMq.status === "rejected"
    ? rabbitMq.reason
    : redis.status === "rejected" && redis.reason;
}
