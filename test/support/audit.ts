import { Redis } from "ioredis";
import { FINAL_EVENTS } from "../../src/contract/event.ts";
import type { Simulator } from "../../src/simulator/simulator.ts";
import type { HeardEvent } from "./emitter/emitter.ts";
import { contractFaults } from "./emitter/event-contract.ts";
import { isRefusal } from "./emitter/refusals.ts";
import type { RabbitMqManagement } from "./rabbitmq/rabbitmq-management.ts";

export interface AuditInput {
  readonly heard: readonly HeardEvent[];
  readonly simulator: Pick<Simulator, "ledger">;
  /** Every command id that reached the queue and was understood. */
  readonly commands: readonly string[];
}

/**
 * The same audit at the end of every test, over recorded history: what must hold at any time. Judges by the
 * cloud's ledger and by what was heard, never by the worker's own logs. Returns what is wrong, in words.
 */
export function auditHistory({ heard, simulator, commands }: AuditInput): string[] {
  const wrong: string[] = [];
  const texts = new Map<string, string>();
  const lastNumber = new Map<string, number>();
  const finals = new Map<string, string>();
  /** Those of messages that were refused: what is mended may come under the id again. */
  const refused = new Set<string>();

  for (const { event, text } of heard) {
    wrong.push(...contractFaults(event));
    const { command_id: id, sequence, event: name } = event.data;
    if (name === "duplicate") continue;
    const key = `${event.source} ${event.id}`;
    const before = texts.get(key);
    if (before !== undefined) {
      if (before !== text) wrong.push(`P8: ${event.id} names two contents`);
      continue;
    }
    texts.set(key, text);
    // Answers to a misuse of an id have ids of their own and are no part of its story.
    if (event.id !== `${id}/${sequence}`) continue;
    if (sequence <= (lastNumber.get(id) ?? 0)) wrong.push(`P8: ${event.id} goes back`);
    lastNumber.set(id, sequence);
    const final = finals.get(id);
    if (final !== undefined && !refused.has(final))
      wrong.push(`P8: ${event.id} (${name}) follows the final ${final}`);
    if (FINAL_EVENTS.some((one) => one === name)) finals.set(id, `${event.id} (${name})`);
    if (isRefusal(event)) refused.add(`${event.id} (${name})`);
  }

  for (const [server, counts] of Object.entries(simulator.ledger().servers)) {
    if (counts.maxConcurrent > 1) wrong.push(`P2: ${server} had ${counts.maxConcurrent} at once`);
    const allowed = succeededOrOpen(heard, server);
    if (counts.reinstallsExecuted > allowed) {
      wrong.push(
        `P1: ${server} was reinstalled ${counts.reinstallsExecuted} times for ${allowed} commands that may have`,
      );
    }
  }
  for (const id of commands) {
    if (!finals.has(id)) wrong.push(`P3: ${id} has no final outcome`);
  }
  return wrong;
}

/** Commands of a server that may have reinstalled it: those that were submitted or cannot say. Joiners add none. */
function succeededOrOpen(heard: readonly HeardEvent[], server: string): number {
  const able = new Set<string>();
  for (const { event } of heard) {
    const { data } = event;
    if (data.server_id !== server || data["leader"] !== undefined) continue;
    const ran =
      data.event === "succeeded" ||
      data.event === "unresolved" ||
      (data.event === "failed" && ["job-failed", "server-broken"].includes(String(data["class"])));
    if (ran) able.add(data.command_id);
  }
  return able.size;
}

/**
 * When everything is at rest: no message is left in any queue of ours but `dead`, except that of the inquiry for each server
 * that an unresolved command left locked; and every lock has a reason.
 */
export async function auditRest(
  rabbitMq: Pick<RabbitMqManagement, "queueDepths">,
  redis: string | LocksOf,
  unresolved: readonly string[] = [],
): Promise<string[]> {
  const wrong: string[] = [];
  const locks = typeof redis === "string" ? await locksOf(redis) : await redis();
  let inquiries = 0;
  for (const [key, owner] of locks) {
    if (owner !== null && unresolved.includes(owner)) inquiries += 1;
    else wrong.push(`P9: ${key} is held by ${owner} for no reason`);
  }
  const depths = Object.entries(await rabbitMq.queueDepths()).filter(
    ([queue, messages]) =>
      messages > 0 && queue.startsWith("ecs.reinstall.") && queue !== "ecs.reinstall.dead",
  );
  const left = depths.reduce((sum, [, messages]) => sum + messages, 0);
  if (left > inquiries) {
    const kept = depths.map(([queue, messages]) => `${queue} keeps ${messages}`).join(", ");
    wrong.push(`P9: ${kept} messages for ${inquiries} inquiries`);
  }
  return wrong;
}

/** Who holds each server's lock, by key: where the keys are on more than one server. */
export type LocksOf = () => Promise<ReadonlyMap<string, string | null>>;

async function locksOf(redisUrl: string): Promise<ReadonlyMap<string, string | null>> {
  const redis = new Redis(redisUrl, { lazyConnect: true });
  const found = new Map<string, string | null>();
  try {
    await redis.connect();
    for (const key of await redis.keys("ecs:*:lock:*")) {
      found.set(key, await redis.hget(key, "owner"));
    }
  } finally {
    redis.disconnect();
  }
  return found;
}
