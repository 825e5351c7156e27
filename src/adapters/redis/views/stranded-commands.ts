import { z } from "zod";
import { Order } from "../../../core/state/order.ts";
import type { Clock } from "../../../steps/ports/clock.ts";
import type { Stranded, StrandedCommands } from "../../../steps/ports/stranded-commands.ts";
import type { RedisClient } from "../connection/client.ts";
import { hashFields } from "../stored/hash-fields.ts";
import { keysOf } from "../keys.ts";
import { storedJson } from "../stored/stored-json.ts";
import { Outbox, StoredOutcome } from "../stored/stored-outcome.ts";
import { redisNowMs } from "../connection/time.ts";

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
        const from = Number((await redis.get(k.sweptTo)) ?? 0);
        const ids = await redis.zrangebyscore(k.active, 0, unmovedSinceMs, "LIMIT", from, limit);
        const found = await Promise.all(ids.map((id) => read(redis, k.commandPrefix, id)));
        const gone = ids.filter((_, index) => found[index] === null);
        if (gone.length > 0) await redis.zrem(k.active, ...gone);
        const passed = ids.length < limit ? 0 : from + ids.length - gone.length;
        await redis.set(k.sweptTo, passed, "PX", PAGE_TTL_MS);
        return found.filter((one) => one !== null);
      } catch {
        // The store is away: whoever sweeps next finds the same.
        return [];
      }
    },
    async one(project, recordId) {
      const k = keysOf(project);
      try {
        const found = await read(redis, k.commandPrefix, recordId);
        // What is published is taken out of the index.
        const isListed = (await redis.zscore(k.active, recordId)) !== null;
        return found && { ...found, published: !isListed };
      } catch {
        return null;
      }
    },
  };
}

/** A place in the list that nobody has moved on from for so long is worth nothing. */
const PAGE_TTL_MS = 3_600_000;

/** Null: no record any more, so nothing is open. What is no record of ours is given all the same: somebody must look. */
async function read(redis: RedisClient, prefix: string, id: string): Promise<Stranded | null> {
  const fields = ["content", "order", "resume", "final", "outbox"];
  const record = await hashFields(redis, `${prefix}${id}`, ...fields);
  if (record === "foreign") return { commandId: id, order: null, resume: null, outcome: null };
  const [content, order, resume, final, outbox] = record;
  if (content == null) return null;
  return {
    commandId: id,
    order: storedJson(Order).safeParse(order).data ?? null,
    resume: storedJson(z.unknown()).safeParse(resume).data ?? null,
    outcome: storedJson(StoredOutcome).safeParse(final).data ?? null,
    events: storedJson(Outbox).safeParse(outbox).data?.events ?? [],
  };
}
