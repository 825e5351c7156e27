import type { ProjectId } from "../../contract/ids.ts";
import { TRANSITIONS } from "../../core/state.ts";
import type { RedisClient } from "./client.ts";
import { hashFields } from "./hash-fields.ts";
import { keysOf } from "./keys.ts";
import { redisNowMs } from "./time.ts";

/**
 * Where an open command stands. `done`: it has its outcome, which the broker has not confirmed yet. `other`: a phase of
 * another version of us.
 */
export const OPEN_PHASES = [
  ...(Object.keys(TRANSITIONS) as (keyof typeof TRANSITIONS)[]),
  "done",
  "other",
] as const;
export type OpenPhase = (typeof OPEN_PHASES)[number];

/** What the store holds, for gauges. Ages in seconds, by Redis's clock: every worker sees the same. */
export interface Census {
  readonly openCommands: number;
  /** Open commands of each phase that has any. */
  readonly phases: ReadonlyMap<OpenPhase, PhaseCensus>;
  readonly locks: number;
  /** Locks of operations that are over, or past any deadline: each waits for a person. */
  readonly overdueLocks: number;
  readonly oldestLockSeconds: number;
  /** Of every lock, in no order. */
  readonly lockAgesSeconds: readonly number[];
}

export interface PhaseCensus {
  readonly commands: number;
  /** Since the store took it up: when it was admitted, or put back after the store had forgotten it. */
  readonly oldestSeconds: number;
}

const BATCH = 500;

/**
 * Counts open commands and locks of all projects, other services' locks included. Walks the keys in small batches, so it
 * is for once a minute, not for every scrape. Rejects when the store is away.
 */
export async function takeCensus(
  redis: RedisClient,
  projects: readonly ProjectId[],
  lockDeadlineMs: number,
): Promise<Census> {
  const nowMs = await redisNowMs(redis);
  return {
    ...(await countCommands(redis, projects, nowMs)),
    ...(await countLocks(redis, projects, lockDeadlineMs, nowMs)),
  };
}

async function countCommands(
  redis: RedisClient,
  projects: readonly ProjectId[],
  nowMs: number,
): Promise<Pick<Census, "openCommands" | "phases">> {
  let openCommands = 0;
  const phases = new Map<OpenPhase, PhaseCensus>();
  for (const project of projects) {
    const { active, commandPrefix } = keysOf(project);
    const ids = await redis.zrangebyscore(active, "-inf", "+inf");
    for (const batch of batchesOf(ids)) {
      const records = await Promise.all(
        batch.map((id) => hashFields(redis, `${commandPrefix}${id}`, "phase", "created")),
      );
      for (const record of records) {
        // What cannot be read is open all the same: its message will say so.
        const [phase, created] = record === "foreign" ? ["other", String(nowMs)] : record;
        // Gone since it was listed, or expired: the sweeper strikes it off the list.
        if (phase == null || created == null) continue;
        openCommands++;
        const known = OPEN_PHASES.find((one) => one === phase) ?? "other";
        const { commands, oldestSeconds } = phases.get(known) ?? { commands: 0, oldestSeconds: 0 };
        phases.set(known, {
          commands: commands + 1,
          oldestSeconds: Math.max(oldestSeconds, ageSeconds(created, nowMs)),
        });
      }
    }
  }
  return { openCommands, phases };
}

async function countLocks(
  redis: RedisClient,
  projects: readonly ProjectId[],
  lockDeadlineMs: number,
  nowMs: number,
): Promise<Omit<Census, "openCommands" | "phases">> {
  const lockAgesSeconds: number[] = [];
  let overdueLocks = 0;
  let oldestLockSeconds = 0;
  const ours = projects.map((project) => keysOf(project).lockPrefix);
  const nodes = "nodes" in redis ? redis.nodes("master") : [redis];
  for (const node of nodes) {
    for await (const keys of node.scanStream({ match: "ecs:{*}:lock:*", count: BATCH })) {
      const mine = (keys as string[]).filter((key) =>
        ours.some((prefix) => key.startsWith(prefix)),
      );
      const found = await Promise.all(mine.map((key) => hashFields(redis, key, "since", "phase")));
      for (const lock of found) {
        // Whoever wants a lock that cannot be read says so; how old it is nobody knows.
        const [since, phase] = lock === "foreign" ? [String(nowMs), null] : lock;
        // Freed since it was listed.
        if (since == null) continue;
        const age = ageSeconds(since, nowMs);
        lockAgesSeconds.push(age);
        if (phase === "unresolved" || age * 1000 > lockDeadlineMs) overdueLocks++;
        oldestLockSeconds = Math.max(oldestLockSeconds, age);
      }
    }
  }
  return { locks: lockAgesSeconds.length, overdueLocks, oldestLockSeconds, lockAgesSeconds };
}

function ageSeconds(sinceMs: string, nowMs: number): number {
  const age = (nowMs - Number(sinceMs)) / 1000;
  // Other services write locks too, and may write anything.
  return Number.isFinite(age) ? Math.max(0, age) : 0;
}

function* batchesOf(ids: readonly string[]): Generator<readonly string[]> {
  for (let from = 0; from < ids.length; from += BATCH) yield ids.slice(from, from + BATCH);
}
