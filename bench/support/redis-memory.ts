import type { PrivateRedis } from "../../test/support/redis/redis.ts";

/** What Redis uses for its data and itself (`used_memory`), bytes. */
export async function redisMemory(redis: PrivateRedis): Promise<number> {
  const used = /used_memory:(\d+)/.exec(String(await redis.command("INFO", "memory")))?.[1];
  if (used === undefined) throw new Error("Redis does not say how much memory it uses");
  return Number(used);
}
