import type { ProjectId } from "../../contract/ids.ts";
import type { RedisClient } from "./client.ts";
import { keysOf } from "./keys.ts";

/** What the store holds, for gauges. */
export interface Census {
  readonly openCommands: number;
  readonly locks: number;
  /** Locks of operations that are over, or past any deadline: each waits for a person. */
  readonly overdueLocks: number;
  readonly oldestLockSeconds: number;
}

const BATCH = 500;

/**
 * Counts open commands and locks of all projects, other services' locks included. Walks the keys in small batches
 * (SCAN), so it is for once a minute, not for every scrape. Rejects when the store is away.
 */
export async function takeCensus(
  redis: RedisClient,
  projects: readonly ProjectId[],
  lockDeadlineMs: number,
  nowMs: number,
): Promise<Census> {
  let openCommands = 0;
  let locks = 0;
  let overdueLocks = 0;
  let oldestLockSeconds = 0;
  for (const project of projects) {
    openCommands += await redis.zcard(keysOf(project).active);
  }
  const ours = new Set(projects.map((project) => keysOf(project).lockPrefix));
  const nodes = "nodes" in redis ? redis.nodes("master") : [redis];
  for (const node of nodes) {
    for await (const keys of node.scanStream({ match: "ecs:{*}:lock:*", count: BATCH })) {
      for (const key of keys as string[]) {
        if (![...ours].some((prefix) => key.startsWith(prefix))) continue;
        const [since, phase] = await redis.hmget(key, "since", "phase");
        // Freed since it was listed.
        if (since === null || since === undefined) continue;
        const ageMs = Math.max(0, nowMs - Number(since));
        locks++;
        if (phase === "unresolved" || ageMs > lockDeadlineMs) overdueLocks++;
        oldestLockSeconds = Math.max(oldestLockSeconds, ageMs / 1000);
      }
    }
  }
  return { openCommands, locks, overdueLocks, oldestLockSeconds };
}
