import type { ProjectId } from "../../../contract/ids.ts";
import type { LockHolder } from "../../../contract/labels.ts";
import {
  type Census,
  type LockCensus,
  OPEN_PHASES,
  type OpenPhase,
  type PhaseCensus,
  type ProjectCensus,
  type SlotCensus,
} from "../../../core/state/census.ts";
import { INQUIRY_SUFFIX } from "../../../core/state/envelope.ts";
import { SENT_PHASES } from "../../../core/state/phases.ts";
import type { RedisClient } from "../connection/client.ts";
import { hashFields } from "../stored/hash-fields.ts";
import { keysOf } from "../keys.ts";
import type { ScriptRunner } from "../script-runner.ts";
import { pruneLockScript } from "../scripts/memory/prune-lock.ts";
import { StoredPause } from "../stored/stored-pause.ts";
import { redisNowMs } from "../connection/time.ts";

const BATCH = 500;

/** In these a request is with the cloud: before them a command may hold its server for as long as it waits. */
const SENT: readonly string[] = SENT_PHASES;

/** Of each project so many commands, and so many locks, are counted: those that moved last, or were taken last, are left out. */
const MOST = 5_000;

export interface CensusDeps {
  readonly redis: RedisClient;
  readonly scripts: ScriptRunner;
}

/** What the worker that counts is configured with. */
export interface CensusLimits {
  /** A lock whose request is with the cloud for longer is past its time. */
  readonly lockDeadlineMs: number;
  /** Paused by configuration. */
  readonly paused?: boolean;
  /** Reinstalls of one project that may be in work at once. */
  readonly maxRunning: number;
}

/**
 * Counts open commands and locks of each project by what the scripts have noted of them, at most {@link MOST} of each: what
 * others keep in that Redis costs nothing. Another service's lock is known once a command of ours has met it. For once a
 * minute, not for every scrape. Rejects when the store is away.
 */
export async function takeCensus(
  deps: CensusDeps,
  projects: readonly ProjectId[],
  { lockDeadlineMs, paused = false, maxRunning }: CensusLimits,
): Promise<Census> {
  const { redis } = deps;
  const census = new Map<ProjectId, ProjectCensus>();
  for (const project of projects) {
    const nowMs = await redisNowMs(redis, project);
    census.set(project, {
      ...(await countCommands(redis, project, nowMs)),
      ...(await countLocks(deps, project, lockDeadlineMs, nowMs)),
      paused: paused || (await isPaused(redis, project)),
      slots: { ...(await countSlots(redis, project)), cap: maxRunning },
    });
  }
  return census;
}

async function countCommands(
  redis: RedisClient,
  project: ProjectId,
  nowMs: number,
): Promise<Pick<ProjectCensus, "openCommands" | "phases">> {
  let openCommands = 0;
  const phases = new Map<OpenPhase, PhaseCensus>();
  const { active, commandPrefix } = keysOf(project);
  const ids = await redis.zrangebyscore(active, "-inf", "+inf", "LIMIT", 0, MOST);
  for (const batch of batchesOf(ids)) {
    const records = await Promise.all(
      batch.map((id) => hashFields(redis, `${commandPrefix}${id}`, "phase", "created")),
    );
    for (const [index, record] of records.entries()) {
      // What cannot be read is open all the same: its message will say so.
      const [phase, created] = record === "foreign" ? ["other", String(nowMs)] : record;
      // Gone since it was listed, or expired: the sweeper strikes it off the list.
      if (phase == null || created == null) continue;
      // An inquiry is no open command: its command has its outcome.
      const isInquiry = batch[index]?.endsWith(INQUIRY_SUFFIX) === true;
      if (!isInquiry) openCommands++;
      const known = isInquiry ? "inquiry" : (OPEN_PHASES.find((one) => one === phase) ?? "other");
      const { commands, oldestSeconds } = phases.get(known) ?? { commands: 0, oldestSeconds: 0 };
      phases.set(known, {
        commands: commands + 1,
        oldestSeconds: Math.max(oldestSeconds, ageSeconds(created, nowMs)),
      });
    }
  }
  return { openCommands, phases };
}

async function countSlots(
  redis: RedisClient,
  project: ProjectId,
): Promise<Pick<SlotCensus, "taken" | "waiting">> {
  const { slots, line } = keysOf(project);
  return { taken: await redis.zcard(slots), waiting: await redis.zcard(line) };
}

/** While it is counted. */
interface LockCount {
  readonly locks: Record<LockHolder, LockCensus>;
  overdueLocks: number;
  readonly lockAgesSeconds: number[];
}

function noLocks(): LockCount {
  const none = { locks: 0, oldestSeconds: 0 };
  return {
    locks: { reinstall: none, unresolved: none, "other-service": none, unreadable: none },
    overdueLocks: 0,
    lockAgesSeconds: [],
  };
}

async function countLocks(
  { redis, scripts }: CensusDeps,
  project: ProjectId,
  lockDeadlineMs: number,
  nowMs: number,
): Promise<LockCount> {
  const count = noLocks();
  const k = keysOf(project);
  const servers = await redis.zrangebyscore(k.locks, "-inf", "+inf", "LIMIT", 0, MOST);
  for (const batch of batchesOf(servers)) {
    const found = await Promise.all(
      batch.map(async (server) => {
        const key = `${k.lockPrefix}${server}`;
        return { key, lock: await hashFields(redis, key, "since", "phase", "operation", "owner") };
      }),
    );
    for (const { key, lock } of found) {
      if (lock !== "foreign" && lock.every((field) => field === null)) {
        await scripts.run(pruneLockScript, { lock: key }, {});
      } else addLock(count, lock, lockDeadlineMs, nowMs);
    }
  }
  return count;
}

function addLock(
  count: LockCount,
  lock: readonly (string | null)[] | "foreign",
  lockDeadlineMs: number,
  nowMs: number,
): void {
  // Whoever wants a lock that cannot be read says so; how old it is nobody knows.
  const [since, phase, operation] = lock === "foreign" ? [String(nowMs)] : lock;
  // Other services may leave it out.
  const age = ageSeconds(since ?? String(nowMs), nowMs);
  const holder = lock === "foreign" ? "unreadable" : holderOf(phase ?? "", operation ?? "");
  const { locks, oldestSeconds } = count.locks[holder];
  count.locks[holder] = { locks: locks + 1, oldestSeconds: Math.max(oldestSeconds, age) };
  count.lockAgesSeconds.push(age);
  const outOfTime = SENT.includes(phase ?? "") && age * 1000 > lockDeadlineMs;
  if (holder === "unresolved" || (holder === "reinstall" && outOfTime)) count.overdueLocks++;
}

/** Other services write locks too, and may leave out what they like. */
function holderOf(phase: string, operation: string): LockHolder {
  if (operation !== "reinstall") return "other-service";
  return phase === "unresolved" ? "unresolved" : "reinstall";
}

function ageSeconds(sinceMs: string, nowMs: number): number {
  const age = (nowMs - Number(sinceMs)) / 1000;
  // Other services write locks too, and may write anything.
  return Number.isFinite(age) ? Math.max(0, age) : 0;
}

function* batchesOf(ids: readonly string[]): Generator<readonly string[]> {
  for (let from = 0; from < ids.length; from += BATCH) yield ids.slice(from, from + BATCH);
}

/** Is the whole project paused? By a version before 0.2 too. */
async function isPaused(redis: RedisClient, project: ProjectId): Promise<boolean> {
  const { pauses, paused } = keysOf(project);
  const entries = await redis.hmget(pauses, "everything", "project");
  const standing = entries.some((text) => StoredPause.safeParse(text).data?.on === true);
  return standing || (await redis.exists(paused)) === 1;
}
