import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { inject } from "vitest";
// The type of what is injected is declared there.
import type { SharedAddresses } from "./suite/global-setup.ts";
import {
  makeRabbitMqUser,
  makeRedisUser,
  removeRabbitMqUser,
  removeRedisUser,
  type StageUsers,
} from "./rabbitmq/documented-users.ts";
import { type RabbitMqManagement, rabbitMqManagement } from "./rabbitmq/rabbitmq-management.ts";

export interface SharedServices {
  /** A vhost of its own on the run's broker. Calls that leave out the vhost mean this one. */
  readonly rabbitMq: RabbitMqManagement & {
    /** With the vhost. */
    readonly url: string;
    readonly vhost: string;
    readonly managementUrl: string;
    /** Made when first asked for: a stage on these services runs with no more than the documented rights. */
    users(): Promise<StageUsers>;
  };
  readonly redis: {
    /** With a logical database of its own, unless the Redis was given in the environment. */
    readonly url: string;
    /** A unique prefix, for those who want to share the database: `t-4f2a:`. */
    readonly keyPrefix: string;
  };
  /** Removes the vhost and empties the database. May be repeated. */
  close(): Promise<void>;
}

/**
 * This test file's part of the RabbitMQ and the Redis that the run shares; takes some 50 ms. For tests that leave
 * the services as they are: one that kills or blocks them starts its own (rabbitmq.ts, redis.ts).
 */
export async function sharedServices(): Promise<SharedServices> {
  const addresses = inject("sharedServices");
  if (addresses === undefined) {
    throw new Error(
      "this project has no shared services: see global-setup.ts and vitest.config.ts",
    );
  }
  const { rabbitMqUrl, rabbitMqManagementUrl } = addresses;
  const vhost = await rabbitMqManagement(rabbitMqUrl, rabbitMqManagementUrl).newVhost();
  const redisUrl = await ownDatabase(addresses);
  const own = { ...rabbitMqManagement(vhost.url, rabbitMqManagementUrl), vhost: vhost.name };
  let users: Promise<StageUsers> | undefined;
  let closed = false;
  return {
    rabbitMq: {
      ...own,
      url: vhost.url,
      managementUrl: rabbitMqManagementUrl,
      users: () => (users ??= makeUsers(own, redisUrl, addresses)),
    },
    redis: { url: redisUrl, keyPrefix: `t-${randomBytes(4).toString("hex")}:` },
    async close() {
      if (closed) return;
      closed = true;
      const made = await users;
      if (made !== undefined) {
        for (const url of [made.worker, made.emitter]) await removeRabbitMqUser(own, url);
        for (const url of made.workerRedis.values()) await removeRedisUser(redisUrl, url);
      }
      await vhost.remove();
      if (addresses.redisDatabases > 0) await onRedis(redisUrl, (redis) => redis.flushdb());
    },
  };
}

async function makeUsers(
  rabbitMq: RabbitMqManagement & { readonly vhost: string },
  redisUrl: string,
  { redisDatabases }: SharedAddresses,
): Promise<StageUsers> {
  return {
    worker: await makeRabbitMqUser(rabbitMq, "ecs-worker"),
    emitter: await makeRabbitMqUser(rabbitMq, "ecs-emitter"),
    // Somebody else's Redis keeps the users that it has.
    workerRedis: new Map(
      redisDatabases === 0
        ? []
        : [[redisUrl, await makeRedisUser(redisUrl, "ecs-worker", ["+select"])]],
    ),
  };
}

/** The run's broker itself, for files that make a vhost for each test and leave the rest of it alone. */
export function sharedRabbitMq(): RabbitMqManagement & {
  readonly port: number;
  readonly managementUrl: string;
} {
  const { rabbitMqUrl, rabbitMqManagementUrl } = inject("sharedServices");
  return {
    ...rabbitMqManagement(rabbitMqUrl, rabbitMqManagementUrl),
    port: Number(new URL(rabbitMqUrl).port || 5672),
    managementUrl: rabbitMqManagementUrl,
  };
}

async function ownDatabase({ redisUrl, redisDatabases }: SharedAddresses): Promise<string> {
  if (redisDatabases === 0) return redisUrl;
  // Database 0 holds only this counter.
  const taken = await onRedis(redisUrl, (redis) => redis.incr("next-database"));
  if (taken >= redisDatabases) throw new Error(`all ${redisDatabases} databases are taken`);
  return `${redisUrl.replace(/\/$/, "")}/${taken}`;
}

async function onRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1, connectTimeout: 5_000 });
  redis.on("error", () => undefined);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}
