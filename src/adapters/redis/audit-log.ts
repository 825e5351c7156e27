import {
  AuditEntry,
  type AuditFilter,
  type AuditLog,
  type AuditView,
} from "../../contract/audit.ts";
import type { ProjectId } from "../../contract/ids.ts";
import type { PageMark } from "../../contract/page.ts";
import type { RedisClient } from "./connection/client.ts";
import { keysOf } from "./keys.ts";
import { storedJson } from "./stored/stored-json.ts";

const StoredEntry = storedJson(AuditEntry);

/** The lists of what people did by hand, for people. Each is capped, so that it is read as a whole. */
export function createAuditLog(redis: RedisClient, projects: readonly ProjectId[]): AuditLog {
  return {
    async entries(filter, { limit, cursor }) {
      const wanted = projects.filter((one) => (filter.project ?? one) === one);
      if (wanted.length === 0) return { kind: "absent" };
      try {
        const lists = await Promise.all(wanted.map((project) => listOf(redis, project)));
        const nowMs = Date.now();
        const found = lists
          .flat()
          .filter((entry) => matches(entry, filter, nowMs))
          .filter((entry) => cursor === undefined || isBefore(markOf(entry), cursor))
          .sort((a, b) => (isBefore(markOf(a), markOf(b)) ? 1 : -1));
        const entries = found.slice(0, limit);
        const last = entries.at(-1);
        const more = last !== undefined && found.length > entries.length;
        return { kind: "found", view: { entries, next: more ? markOf(last) : null } };
      } catch {
        // Whatever Redis says, a person is answered that nothing can be said now; readiness has the reason.
        return { kind: "unavailable" };
      }
    },
  };
}

async function listOf(redis: RedisClient, projectId: ProjectId): Promise<readonly AuditView[]> {
  const texts = await redis.lrange(keysOf(projectId).audit, 0, -1);
  return texts.flatMap((text) => {
    const entry = StoredEntry.safeParse(text);
    // What a later version wrote in another shape is left out.
    return entry.success ? [{ ...entry.data, projectId }] : [];
  });
}

function markOf({ projectId, at, id }: AuditView): PageMark {
  return { project: projectId, score: at, id };
}

/** Is the first older than the other? Of one instant the ids decide. */
function isBefore(one: PageMark, other: PageMark): boolean {
  return one.score < other.score || (one.score === other.score && one.id < other.id);
}

function matches(entry: AuditView, filter: AuditFilter, nowMs: number): boolean {
  const { action, server, command, by, maxAgeMs } = filter;
  return (
    (action === undefined || entry.action === action) &&
    (server === undefined || entry.server === server) &&
    (command === undefined || entry.command === command) &&
    (by === undefined || entry.by === by) &&
    (maxAgeMs === undefined || nowMs - entry.at <= maxAgeMs)
  );
}
