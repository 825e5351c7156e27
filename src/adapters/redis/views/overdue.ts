import type { ProjectId } from "../../../contract/ids.ts";
import { rungAtLeast } from "../../../core/waiting/backoff.ts";
import { longestOf, waitsInCrowd } from "../../../core/waiting/crowd.ts";
import type { RedisClient } from "../connection/client.ts";
import { hashFields } from "../stored/hash-fields.ts";
import { keysOf } from "../keys.ts";
import { SavedNext } from "../stored/stored-outcome.ts";
import { redisNowMs } from "../connection/time.ts";

/** Clocks differ, and a busy worker takes a message a little late. */
const TOLERATED_MS = 30_000;
/** Those that have not moved for the longest come first. */
const MOST = 2_000;

/**
 * How late the latest message of each delay queue is, in seconds, by the queue's delay in ms; 0 is the work queue itself, `waiting.<ms>`
 * the one of those who wait in a crowd (`waitsInCrowd`).
 * Seen from the store, since a message that does not come cannot say so: a saved step whose message should have come back
 * and was claimed by nobody. Only commands that have not moved for the longest delay and half a minute are looked at, in
 * good times hardly any, so it may be asked often. Rejects when the store is away.
 *
 * A message that goes through several queues counts for the first. One that was deferred before it was admitted is not
 * in the store, and not seen.
 */
export async function findOverdue(
  redis: RedisClient,
  projects: readonly ProjectId[],
  ladderMs: readonly number[],
): Promise<ReadonlyMap<string, number>> {
  const longestMs = longestOf(ladderMs);
  const crowd = `waiting.${longestMs}`;
  const overdue = new Map([0, ...ladderMs, crowd].map((rung) => [String(rung), 0]));
  for (const project of projects) {
    const { active, commandPrefix } = keysOf(project);
    const nowMs = await redisNowMs(redis, project);
    const unmovedSinceMs = nowMs - longestMs - TOLERATED_MS;
    const ids = await redis.zrangebyscore(active, 0, unmovedSinceMs, "LIMIT", 0, MOST);
    const records = await Promise.all(
      ids.map((id) => hashFields(redis, `${commandPrefix}${id}`, "outbox", "claim")),
    );
    for (const record of records) {
      if (record === "foreign") continue;
      const [outbox, claim] = record;
      const next = SavedNext.safeParse(outbox).data?.next;
      // Its message has come: whoever claimed that step has it in hand.
      if (next == null || claim?.startsWith(`${next.envelope.step}:`) === true) continue;
      const { envelope, delayMs } = next;
      const rung = waitsInCrowd(envelope.state, delayMs, ladderMs)
        ? crowd
        : String(rungAtLeast(delayMs, [0, ...ladderMs]));
      const lateSeconds = (nowMs - envelope.dueMs) / 1000;
      overdue.set(rung, Math.max(overdue.get(rung) ?? 0, lateSeconds));
    }
  }
  return overdue;
}
