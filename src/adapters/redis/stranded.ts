import { z } from "zod";
import { CommandId } from "../../contract/ids.ts";
import { Order } from "../../core/order.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { Stranded, StrandedCommands } from "../../steps/ports/stranded-commands.ts";
import type { RedisClient } from "./client.ts";
import { keysOf } from "./keys.ts";
import { Outbox, StoredOutcome } from "./replies.ts";
import { redisNowMs } from "./time.ts";

/** A worker that dies while it sweeps is followed by the next after this long, at the latest. */
const MAX_LEASE_MS = 60_000;

/** Open commands that have not moved for a while, read by one worker at a time. */
export function createStrandedCommands(
  redis: RedisClient,
  clock: Clock,
  sweepIntervalMs: number = MAX_LEASE_MS,
): StrandedCommands {
  const leaseMs = Math.min(MAX_LEASE_MS, sweepIntervalMs);
  return {
    async find(project, olderThanMs, limit) {
      const k = keysOf(project);
      try {
        const leased = await redis.set(k.sweeper, clock.nonce(), "PX", leaseMs, "NX");
        if (leased !== "OK") return [];
        const unmovedSinceMs = (await redisNowMs(redis, project)) - olderThanMs;
        const ids = await redis.zrangebyscore(k.active, 0, unmovedSinceMs, "LIMIT", 0, limit);
        const found = await Promise.all(ids.map((id) => read(redis, k.commandPrefix, id)));
        const gone = ids.filter((_, index) => found[index] === null);
        if (gone.length > 0) await redis.zrem(k.active, ...gone);
        return found.filter((one) => one !== null);
      } catch {
        // The store is away: whoever sweeps next finds the same.
        return [];
      }
    },
  };
}

const Json = z.string().transform((text, ctx) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    ctx.addIssue({ code: "custom", message: "is not JSON" });
    return z.NEVER;
  }
});

/** Null: no record any more, so nothing is open. */
async function read(redis: RedisClient, prefix: string, id: string): Promise<Stranded | null> {
  const [content, order, resume, final, outbox] = await redis.hmget(
    `${prefix}${id}`,
    "content",
    "order",
    "resume",
    "final",
    "outbox",
  );
  const commandId = CommandId.safeParse(id);
  if (content === null || content === undefined || !commandId.success) return null;
  return {
    commandId: commandId.data,
    order: Json.pipe(Order).safeParse(order).data ?? null,
    resume: Json.safeParse(resume).data ?? null,
    outcome: Json.pipe(StoredOutcome).safeParse(final).data ?? null,
    events: Json.pipe(Outbox).safeParse(outbox).data?.events ?? [],
  };
}
