import type { RedisClient } from "../connection/client.ts";

/** Fields of a hash, null where there is none; `foreign`: at that key is something else. Rejects when the store is away. */
export async function hashFields(
  redis: RedisClient,
  key: string,
  ...fields: readonly string[]
): Promise<readonly (string | null)[] | "foreign"> {
  try {
    return await redis.hmget(key, ...fields);
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("WRONGTYPE")) return "foreign";
    throw error;
  }
}
