import type { Cluster, Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { ProjectId } from "../../contract/ids.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { RequestBudget } from "../cloud/budget.ts";

export interface BudgetOptions {
  /** Asked with whatever patience it was made with: a command time-out belongs there. */
  readonly redis: Redis | Cluster;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Of all replicas together, for one project. */
  readonly requestsPerSecond: number;
  /** So many at once, when there was a pause before. */
  readonly burst: number;
  /** The part of the budget that this replica grants itself while Redis is away (default a quarter). */
  readonly localShare?: number;
}

export interface RedisBudget extends RequestBudget {
  /**
   * What is left of the present window, 0 to 1, of the project that has least; 0 while the cloud has asked us to stay
   * away. Takes nothing. While Redis is away: of this replica's own share.
   */
  left(projects: readonly ProjectId[]): Promise<number>;
}

/**
 * One budget per project for all replicas: a window in Redis, key `ecs:{<project>}:budget`. While Redis is away
 * each replica goes on with a share of its own: looking at servers and jobs must not end with Redis.
 */
export function createRedisBudget(options: BudgetOptions): RedisBudget {
  const { clock, localShare = 0.25 } = options;
  const window = windowOf(options);
  const away = new RateLimiterMemory({
    keyPrefix: "",
    points: Math.max(1, Math.floor(window.points * localShare)),
    duration: window.duration,
  });
  const shared = new RateLimiterRedis({
    storeClient: options.redis,
    keyPrefix: "",
    ...window,
    insuranceLimiter: away,
    // Without it each request would wait for the command time-out as long as Redis is away.
    rejectIfRedisNotReady: true,
  });
  /** What this replica heard itself holds without Redis too. */
  const penalties = new Map<ProjectId, number>();

  return {
    async take(project) {
      const heldMs = (penalties.get(project) ?? 0) - clock.monotonicMs();
      if (heldMs > 0) return { kind: "wait", ms: Math.ceil(heldMs) };
      try {
        await shared.consume(keyOf(project));
        return { kind: "granted" };
      } catch (error) {
        if (error instanceof RateLimiterRes) {
          return { kind: "wait", ms: Math.max(1, error.msBeforeNext) };
        }
        // Neither Redis nor its stand-in: a limiter must never be what stops the worker.
        return { kind: "granted" };
      }
    },

    async penalise(project, ms) {
      const untilMs = clock.monotonicMs() + ms;
      penalties.set(project, Math.max(penalties.get(project) ?? 0, untilMs));
      try {
        const now = await shared.get(keyOf(project));
        const heldMs = now !== null && now.consumedPoints > window.points ? now.msBeforeNext : 0;
        // Redis counts in whole seconds here; rounded up, for the cloud's word is a minimum.
        if (ms > heldMs) await shared.block(keyOf(project), Math.ceil(ms / 1000));
      } catch {
        // This replica obeys all the same.
      }
    },

    async left(projects) {
      const ratios = await Promise.all(
        projects.map(async (project) => {
          if ((penalties.get(project) ?? 0) > clock.monotonicMs()) return 0;
          const now = await shared.get(keyOf(project));
          return now === null ? 1 : Math.max(0, now.remainingPoints) / window.points;
        }),
      );
      return Math.min(1, ...ratios);
    },
  };
}

/** The hash tag keeps all keys of a project on one node of a cluster. */
function keyOf(project: ProjectId): string {
  return `ecs:{${project}}:budget`;
}

/**
 * `burst` requests in as many whole seconds as they last at the given rate: 10 per second and a burst of
 * 20 are 20 in 2 s; 10 and 5 are 10 in 1 s; 1 and 30 are 30 in 30 s.
 */
function windowOf({ requestsPerSecond, burst }: BudgetOptions): {
  readonly points: number;
  readonly duration: number;
} {
  const duration = Math.max(1, Math.ceil(burst / requestsPerSecond));
  return { points: requestsPerSecond * duration, duration };
}
