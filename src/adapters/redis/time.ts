import type { RedisClient } from "./client.ts";

/** Redis's clock, epoch ms: the one that every worker has in common. Rejects when the store is away. */
export async function redisNowMs(redis: RedisClient): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}
