import { createRedisClient } from "../adapters/redis/connection/client.ts";
import { inWords } from "../adapters/redis/connection/in-words.ts";
import { whenConnected } from "../adapters/redis/connection/nodes.ts";
import {
  createOperatorCommands,
  type OperatorCommands,
} from "../adapters/redis/operator-commands.ts";
import { createScriptRunner } from "../adapters/redis/script-runner.ts";
import { loadRedis } from "../config/load.ts";
import { formatProblems } from "../config/problem.ts";
import type { Environment } from "../config/sources.ts";
import { redisSettings } from "../composition/settings.ts";
import { CliFailure } from "./failure.ts";
import { EXIT_CONFIG } from "../process/exit-codes.ts";

/** One short conversation with the store. */
export interface StoreSession {
  readonly operator: OperatorCommands;
  close(): void;
}

/** Connects to the Redis of the environment. */
export async function openStoreSession(env: Environment): Promise<StoreSession> {
  const loaded = loadRedis(env);
  if (loaded.kind === "invalid") throw new CliFailure(formatProblems(loaded.problems), EXIT_CONFIG);
  const redis = createRedisClient(redisSettings(loaded.redis));
  let reason = "no answer";
  redis.on("error", (error: Error) => {
    reason = inWords(error.message);
  });
  try {
    await redis.connect();
    await whenConnected(redis);
  } catch {
    redis.disconnect();
    throw new CliFailure(`Redis cannot be reached (REDIS_URL): ${reason}`);
  }
  const { waitReplicas: replicas, waitTimeoutMs: timeoutMs, behindProxy } = loaded.redis;
  const scripts = createScriptRunner(redis, undefined, { behindProxy });
  // What a person hears to be done must not be lost by a failover.
  const lasting = replicas === 0 ? scripts : scripts.confirmedBy({ replicas, timeoutMs });
  return {
    operator: createOperatorCommands(redis, lasting),
    close: () => redis.disconnect(),
  };
}
