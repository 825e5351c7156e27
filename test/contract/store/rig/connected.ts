import {
  createRedisClient,
  type RedisClient,
} from "../../../../src/adapters/redis/connection/client.ts";

/** The worker's own client of that Redis, connected; whoever asks for it disconnects it. */
export async function connected(url: string): Promise<RedisClient> {
  const client = createRedisClient({ url, commandTimeoutMs: 2_000, connectTimeoutMs: 2_000 });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}
