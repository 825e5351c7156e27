import type { CommandId, ProjectId, ServerId } from "../../contract/ids.ts";
import type { CommandStatus, CommandViews, Found, ServerStatus } from "../../contract/http.ts";
import { shownOwner } from "../../core/lock-owner.ts";
import type { RedisClient } from "./client.ts";
import { keysOf } from "./keys.ts";

const MAX_WAITERS = 100;

/** Read-only looks into the store, for people (contract §5). */
export function createCommandViews(
  redis: RedisClient,
  projects: readonly ProjectId[],
): CommandViews {
  return {
    commandById: (id) =>
      guarded(async () => {
        const found = await Promise.all(projects.map((one) => readCommand(redis, one, id)));
        const view = found
          .filter((one) => one !== null)
          .sort((a, b) => b.updatedAtMs - a.updatedAtMs);
        return view.length === 0 ? { kind: "absent" } : { kind: "found", view };
      }),
    serverStatus: (project, server) =>
      guarded(async () =>
        projects.includes(project)
          ? { kind: "found", view: await readServer(redis, project, server) }
          : { kind: "absent" },
      ),
  };
}

async function readCommand(
  redis: RedisClient,
  projectId: ProjectId,
  commandId: CommandId,
): Promise<CommandStatus | null> {
  const record = await redis.hgetall(keysOf(projectId).command(commandId));
  if (record["content"] === undefined) return null;
  return {
    commandId,
    projectId,
    serverId: textOrNull(record["server"]),
    phase: record["phase"] ?? "unknown",
    sequence: Number(record["seq"] ?? 0),
    updatedAtMs: Number(record["updated"] ?? 0),
    outcome: textOrNull(record["outcome"]),
    jobId: textOrNull(record["job"]),
    finalEvent: finalEventOf(record["final"]),
  };
}

/** Null, too, where a version that we do not know has stored it otherwise. */
function finalEventOf(final: string | undefined): unknown {
  try {
    const outcome: unknown = JSON.parse(final ?? "null");
    return typeof outcome === "object" && outcome !== null && "event" in outcome
      ? outcome.event
      : null;
  } catch {
    return null;
  }
}

async function readServer(
  redis: RedisClient,
  project: ProjectId,
  server: ServerId,
): Promise<ServerStatus> {
  const k = keysOf(project);
  const lock = await redis.hgetall(k.lock(server));
  // RESP3 answers pairs, RESP2 one flat list.
  const answer = await redis.call("ZRANGE", k.waiters(server), 0, MAX_WAITERS - 1, "WITHSCORES");
  const waiters = [answer].flat(2).map(String);
  const waiting = [];
  for (let i = 0; i + 1 < waiters.length; i += 2) {
    waiting.push({ commandId: waiters[i] ?? "", sinceMs: Number(waiters[i + 1]) });
  }
  return {
    lock:
      lock["owner"] === undefined
        ? null
        : {
            // Another service may have written any of it.
            owner: shownOwner(lock["owner"]),
            token: Number(lock["token"] ?? 0),
            operation: shownOwner(lock["operation"] ?? "unknown"),
            sinceMs: Number(lock["since"] ?? 0),
            phase: shownOwner(lock["phase"] ?? "unknown"),
          },
    waiting,
  };
}

async function guarded<View>(look: () => Promise<Found<View>>): Promise<Found<View>> {
  try {
    return await look();
  } catch {
    // Whatever Redis says, a person is told that nothing can be said now; readiness has the reason.
    return { kind: "unavailable" };
  }
}

function textOrNull(value: string | undefined): string | null {
  return value === undefined || value === "" ? null : value;
}
