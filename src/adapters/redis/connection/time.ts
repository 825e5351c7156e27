import type { ProjectId } from "../../../contract/ids.ts";
import type { RedisClient } from "./client.ts";
import { keysOf } from "../keys.ts";
import { ownerOf } from "./nodes.ts";

/**
 * The clock of the server that has a project's keys, epoch ms: what its scripts go by, and the one that every worker has
 * in common. Rejects when the store is away.
 */
export async function redisNowMs(redis: RedisClient, project: ProjectId): Promise<number> {
  const [seconds, micros] = await ownerOf(redis, keysOf(project).epoch).time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}
