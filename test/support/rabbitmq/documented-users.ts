import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import type { RabbitMqManagement } from "./rabbitmq-management.ts";

/** What a stage's workers and its other service log in as. */
export interface StageUsers {
  /** `amqp://…` of the worker's user. */
  readonly worker: string;
  /** `amqp://…` of a service that may send commands, and nothing else. */
  readonly emitter: string;
  /** `redis://…` of the worker's user, by the URL of the Redis that has it. */
  readonly workerRedis: ReadonlyMap<string, string>;
}

export interface RabbitMqRights {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
  readonly topic?: { readonly exchange: string; readonly write: string; readonly read: string };
}

/** The very rights that config/rabbitmq-permissions.example gives, by user. */
export function documentedRabbitMqRights(): ReadonlyMap<string, RabbitMqRights> {
  const rights = new Map<string, RabbitMqRights>();
  for (const line of exampleLines("rabbitmq-permissions.example")) {
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare);
    const [, verb, , , user = "", ...rest] = words.map((word) => word ?? "");
    if (verb === "set_permissions") {
      const [configure = "", write = "", read = ""] = rest;
      rights.set(user, { configure, write, read });
    } else {
      const [exchange = "", write = "", read = ""] = rest;
      const known = rights.get(user);
      if (known === undefined) throw new Error(`${user} has topic permissions and no others`);
      rights.set(user, { ...known, topic: { exchange, write, read } });
    }
  }
  return rights;
}

/** The very rules that config/redis-acl.example gives a user, without its password: `["~ecs:*", "-@all", …]`. */
export function documentedRedisRules(user: string): readonly string[] {
  for (const line of exampleLines("redis-acl.example")) {
    const [, name, , , ...rules] = line.split(" ");
    if (name === user) return rules;
  }
  throw new Error(`config/redis-acl.example has no user ${user}`);
}

/**
 * Makes one of the documented RabbitMQ users in this vhost, under a name of its own: users are the whole
 * broker's. Answers its URL.
 */
export async function makeRabbitMqUser(
  rabbitMq: RabbitMqManagement & { readonly vhost: string },
  user: string,
  change: Partial<RabbitMqRights> = {},
): Promise<string> {
  const documented = documentedRabbitMqRights().get(user);
  if (documented === undefined) throw new Error(`nobody documents a user ${user}`);
  const { topic, ...rights } = { ...documented, ...change };
  const { vhost } = rabbitMq;
  const name = `${user}-${vhost}-${randomBytes(2).toString("hex")}`;
  const password = randomBytes(12).toString("hex");
  await rabbitMq.createUser(name, password);
  await rabbitMq.setPermissions({ user: name, vhost, ...rights });
  if (topic !== undefined) {
    // RabbitMQ 4.3 takes no permission for an exchange that is not there.
    const exchange = `/exchanges/${encodeURIComponent(vhost)}/${encodeURIComponent(topic.exchange)}`;
    await rabbitMq.api("PUT", exchange, { type: "topic", durable: true });
    const path = `/topic-permissions/${encodeURIComponent(vhost)}/${encodeURIComponent(name)}`;
    await rabbitMq.api("PUT", path, topic);
  }
  return rabbitMq.urlFor({ vhost, user: name, password });
}

/** Removes a user that `makeRabbitMqUser` made. */
export async function removeRabbitMqUser(rabbitMq: RabbitMqManagement, url: string): Promise<void> {
  await rabbitMq.api("DELETE", `/users/${new URL(url).username}`);
}

/**
 * Makes one of the documented Redis users on the server of `adminUrl`, under a name of its own. Answers its URL.
 * `more` comes after the documented rules: a URL with a database needs `+select`.
 */
export async function makeRedisUser(
  adminUrl: string,
  user: string,
  more: readonly string[] = [],
): Promise<string> {
  const name = `${user}-${randomBytes(4).toString("hex")}`;
  const password = randomBytes(12).toString("hex");
  const rules = [...documentedRedisRules(user), ...more];
  await onRedis(adminUrl, (redis) =>
    redis.call("ACL", "SETUSER", name, "reset", "on", `>${password}`, ...rules),
  );
  return adminUrl.replace(/:\/\/([^@/]*@)?/, `://${name}:${password}@`);
}

export async function removeRedisUser(adminUrl: string, url: string): Promise<void> {
  const name = /:\/\/([^:]+):/.exec(url)?.[1] ?? "";
  await onRedis(adminUrl, (redis) => redis.call("ACL", "DELUSER", name));
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

function exampleLines(file: string): readonly string[] {
  return readFileSync(new URL(`../../../config/${file}`, import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
}
