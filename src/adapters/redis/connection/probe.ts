import { Cluster, Command } from "ioredis";
import type { ProjectId } from "../../../contract/ids.ts";
import type { Clock } from "../../../steps/ports/clock.ts";
import type { RedisClient } from "./client.ts";
import { fieldsOf } from "./durability.ts";
import { keysOf } from "../keys.ts";
import { redisNowMs } from "./time.ts";

/** What one look at Redis showed. */
export type Sight =
  /** Every server that has keys of our projects answered; our clock minus each one's, ms. */
  | { readonly kind: "reached"; readonly clockOffsetsMs: readonly number[] }
  | { readonly kind: "away"; readonly detail: string }
  /** It answers, and takes no write: a primary that was before a failover, or the wrong address. */
  | { readonly kind: "replica"; readonly primary: string };

export interface RedisProbeOptions {
  readonly redis: RedisClient;
  readonly projects: readonly ProjectId[];
  readonly clock: Pick<Clock, "nowMs" | "monotonicMs">;
  /** `askedAtMs`: monotonic, when the look began. */
  readonly onSight: (sight: Sight, askedAtMs: number) => void;
}

const INTERVAL_MS = 1_000;

/**
 * Asks every server that has keys of our projects, once a second and one look at a time, for a key and for its time. A
 * connection that is open proves nothing: who is behind it may stand still, or may not have that key any more. The
 * client's command time-out bounds each look.
 */
export function createRedisProbe({ redis, projects, clock, onSight }: RedisProbeOptions) {
  let timer: NodeJS.Timeout | undefined;
  let looking = false;

  async function look(): Promise<void> {
    if (looking || redis.status !== "ready") return;
    looking = true;
    const askedAtMs = clock.monotonicMs();
    const sight = await sightOf(redis, projects, clock);
    looking = false;
    // What a connection that is gone did not say is known by its end.
    if (redis.status === "ready") onSight(sight, askedAtMs);
  }

  return {
    look,
    start(): void {
      timer = setInterval(() => void look(), INTERVAL_MS);
      timer.unref();
      redis.on("ready", () => void look());
    },
    stop(): void {
      clearInterval(timer);
    },
  };
}

async function sightOf(
  redis: RedisClient,
  projects: readonly ProjectId[],
  clock: RedisProbeOptions["clock"],
): Promise<Sight> {
  const asked = oneForEachServer(redis, projects).map(async (project) => {
    try {
      // By its key: a cluster answers TIME while nobody serves the slot.
      const [, primary] = await Promise.all([
        redis.exists(keysOf(project).epoch),
        primaryOf(redis),
      ]);
      if (primary !== null) return { kind: "replica", primary } as const;
      const askedMs = clock.monotonicMs();
      const redisMs = await redisNowMs(redis, project);
      // Looked at once: a clock that jumps meanwhile would be half wrong.
      return clock.nowMs() - (clock.monotonicMs() - askedMs) / 2 - redisMs;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return redis instanceof Cluster ? `project ${project}: ${message}` : message;
    }
  });
  const answers = await Promise.all(asked);
  const replica = answers.find((answer) => typeof answer === "object");
  if (replica !== undefined) return replica;
  const detail = answers.find((answer) => typeof answer === "string");
  if (detail !== undefined) return { kind: "away", detail };
  return { kind: "reached", clockOffsetsMs: answers.filter((one) => typeof one === "number") };
}

/** Of a replica, whose; null: it is none, does not say, or is of a cluster, which sends who asks the wrong node to the right one. */
async function primaryOf(redis: RedisClient): Promise<string | null> {
  if (redis instanceof Cluster) return null;
  const info = fieldsOf(await redis.info("replication").catch(() => ""));
  return info.get("role") === "slave"
    ? `${info.get("master_host") ?? ""}:${info.get("master_port") ?? ""}`
    : null;
}

/** A project for each node of a cluster that has any of ours: they stand for the others there. */
function oneForEachServer(
  redis: RedisClient,
  projects: readonly ProjectId[],
): readonly ProjectId[] {
  if (!(redis instanceof Cluster)) return projects.slice(0, 1);
  const byNode = new Map<string, ProjectId>();
  for (const project of projects) {
    const slot = new Command("get", [keysOf(project).epoch]).getSlot();
    byNode.set(redis.slots[slot ?? 0]?.[0] ?? "nobody", project);
  }
  return [...byNode.values()];
}
