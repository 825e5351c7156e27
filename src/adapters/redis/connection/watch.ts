import { Cluster, type Redis } from "ioredis";
import type { RedisClient } from "./client.ts";
import { durabilityProblems } from "./durability.ts";
import { whenConnected } from "./nodes.ts";
import { type Credentials, reauthenticate } from "./reauthenticate.ts";

export interface RedisWatch {
  readonly durability: "warn" | "strict";
  log(level: "info" | "warn", message: string, fields: Readonly<Record<string, unknown>>): void;
  /** This Redis must not be used: `strict` and it may forget. */
  refuse(reason: Error): void;
  onReady(): void;
}

/** Follows the connection's fate, and judges each server that may be written to by whether it may forget. */
export function watchRedis(redis: RedisClient, watch: RedisWatch): void {
  redis.on("error", (error: Error) =>
    watch.log("warn", "redis connection failed", { detail: error.message }),
  );
  redis.on("ready", () => {
    watch.log("info", "redis connected", {});
    void whenConnected(redis).then(() => watch.onReady());
    if (!(redis instanceof Cluster)) void judge(redis, watch, {});
  });
  // Nodes of a cluster come and go on their own. A replica is asked nothing until it becomes a primary.
  redis.on("+node", (node: Redis) => {
    const name = { node: `${node.options.host}:${node.options.port}` };
    node.once("ready", () => void judge(node, watch, name));
  });
  redis.on("node error", (error: Error, node: string) =>
    watch.log("warn", "redis connection failed", { node, detail: error.message }),
  );
}

async function judge(redis: Redis, watch: RedisWatch, name: object): Promise<void> {
  try {
    const problems = await durabilityProblems(redis);
    for (const problem of problems) watch.log("warn", "redis may forget", { ...name, problem });
    if (problems.length > 0 && watch.durability === "strict") {
      watch.refuse(new Error(`REDIS_DURABILITY=strict: ${problems.join("; ")}`));
    }
  } catch (error) {
    watch.log("warn", "redis durability could not be checked", { ...name, err: error });
  }
}

/** After user or password have changed: open connections are given the new ones, and what they say to it is logged. */
export async function renewAccess(
  redis: RedisClient,
  credentials: Credentials,
  log: RedisWatch["log"],
): Promise<void> {
  log("info", "the user or password of redis has changed", {});
  for (const problem of await reauthenticate(redis, credentials)) {
    log("warn", "redis refuses the new user or password; its open connection stays as it was", {
      problem,
    });
  }
}
