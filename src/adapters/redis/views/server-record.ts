import { z } from "zod";
import type { ServerStatus } from "../../../contract/status.ts";
import { CommandId, type ProjectId, type ServerId } from "../../../contract/ids.ts";
import type { LockView, PastReinstall } from "../../../contract/overview.ts";
import { shownOwner } from "../../../core/state/lock-owner.ts";
import type { Order } from "../../../core/state/order.ts";
import type { RedisClient } from "../connection/client.ts";
import { hashFields } from "../stored/hash-fields.ts";
import { keysOf } from "../keys.ts";
import { storedJson } from "../stored/stored-json.ts";

const MAX_WAITERS = 100;

/** The lock of a server. Another service may have written any of it. Null: there is none. */
export async function readLock(
  redis: RedisClient,
  project: ProjectId,
  server: ServerId,
): Promise<LockView | null> {
  const names = ["owner", "token", "operation", "since", "phase"];
  const found = await hashFields(redis, keysOf(project).lock(server), ...names);
  if (found === "foreign") return unreadable(project, server);
  const [owner, token, operation, since, phase] = found;
  if (owner == null) return null;
  return {
    projectId: project,
    serverId: server,
    owner: shownOwner(owner),
    token: numberOf(token),
    operation: shownOwner(operation ?? "unknown"),
    sinceMs: numberOf(since) || null,
    phase: shownOwner(phase ?? "unknown"),
  };
}

/** 0 where there is none: neither JSON nor a sentence for people has a word for NaN. */
function numberOf(text: string | null | undefined): number {
  const number = Number(text ?? 0);
  return Number.isFinite(number) ? number : 0;
}

/** At the lock's key is something that is no lock: the scripts refuse to touch that server. */
function unreadable(projectId: string, serverId: string): LockView {
  const unknown = "unreadable";
  const names = { owner: unknown, operation: unknown, phase: unknown };
  return { projectId, serverId, ...names, token: 0, sinceMs: null };
}

/** Who waits for a server, in the order in which they get it. */
export async function readWaiters(
  redis: RedisClient,
  project: ProjectId,
  server: ServerId,
): Promise<ServerStatus["waiting"]> {
  const key = keysOf(project).waiters(server);
  const answer = await redis.call("ZRANGE", key, 0, MAX_WAITERS - 1, "WITHSCORES");
  return scoredOf(answer).map(({ id, score }) => ({ commandId: id, sinceMs: score }));
}

/** Members of a sorted set with their scores. RESP3 answers pairs, RESP2 one flat list. */
export function scoredOf(answer: unknown): readonly { id: string; score: number }[] {
  const flat = [answer].flat(2).map(String);
  const entries = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    entries.push({ id: flat[i] ?? "", score: Number(flat[i + 1]) });
  }
  return entries;
}

const Entry = storedJson(
  z.object({
    at: z.number(),
    ended: z.number().optional(),
    outcome: z.string().optional(),
    source: z.string().optional(),
    reason: z.string().optional(),
  }),
);

/** The last reinstalls of a server (`history.lua`), the youngest first. What cannot be read is left out. */
export async function readHistory(
  redis: RedisClient,
  project: ProjectId,
  server: ServerId,
): Promise<readonly PastReinstall[]> {
  const entries = Object.entries(await redis.hgetall(keysOf(project).history(server)));
  return entries
    .flatMap(([field, text]): PastReinstall[] => {
      const read = Entry.safeParse(text);
      const [, command, attempt] = /^(.*)#(\d+)$/.exec(field) ?? [];
      // Of no time: it says that there was none (core/brakes/disk-age.ts).
      if (!read.success || command === undefined || read.data.at === 0) return [];
      const { at, ended = null, outcome = null, source = null, reason = null } = read.data;
      const end = { endedMs: ended, outcome, source, reason };
      return [{ commandId: command, attempt: Number(attempt), atMs: at, ...end }];
    })
    .sort((a, b) => b.atMs - a.atMs);
}

/** An order that nobody gave: what the brakes would say of a new command for this server. */
export function imaginedOrder(projectId: ProjectId, serverId: ServerId, nowMs: number): Order {
  return {
    // In the form of an id, so that it may stand in a key, and too long for one that anybody used by chance.
    commandId: CommandId.parse(`none:${serverId}:asked-by-a-person`),
    projectId,
    serverId,
    contentHash: "",
    wishHash: "",
    onBusy: "join",
    dryRun: true,
    expiresAtMs: nowMs,
    receivedAtMs: nowMs,
  };
}
