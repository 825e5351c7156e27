import type { RedisClient } from "./client.ts";
import { durabilityProblems } from "./durability.ts";

export interface RedisWatch {
  readonly durability: "warn" | "strict";
  log(level: "info" | "warn", message: string, fields: Readonly<Record<string, unknown>>): void;
  /** This Redis must not be used: `strict` and it may forget. */
  refuse(reason: Error): void;
  onReady(): void;
}

/** Follows the connection's fate, and judges each server that it finds by whether it may forget. */
export function watchRedis(redis: RedisClient, watch: RedisWatch): void {
  redis.on("error", (error: Error) =>
    watch.log("warn", "redis connection failed", { detail: error.message }),
  );
  redis.on("ready", () => {
    watch.log("info", "redis connected", {});
    watch.onReady();
    void judge(redis, watch);
  });
}

async function judge(redis: RedisClient, watch: RedisWatch): Promise<void> {
  try {
    const problems = await durabilityProblems(redis);
    for (const problem of problems) watch.log("warn", "redis may forget", { problem });
    if (problems.length > 0 && watch.durability === "strict") {
      watch.refuse(new Error(`REDIS_DURABILITY=strict: ${problems.join("; ")}`));
    }
  } catch (error) {
    watch.log("warn", "redis durability could not be checked", { err: error });
  }
}
