import { z } from "zod";
import { type ProjectId, ServerId } from "../../contract/ids.ts";
import type { ListedServer } from "../../core/calls/listed-server.ts";
import type { ListEnd, ListRules, RoundAnswer } from "../../core/calls/list-round.ts";
import type { ListedServers, ServerLists } from "../../steps/ports/server-lists.ts";
import type { RedisClient } from "./connection/client.ts";
import { keysOf } from "./keys.ts";
import type { ScriptRunner } from "./script-runner.ts";
import { listEndedScript } from "./scripts/calls/list-ended.ts";
import { listRoundScript } from "./scripts/calls/list-round.ts";
import { storedJson } from "./stored/stored-json.ts";

interface ServerListsDeps {
  readonly redis: Pick<RedisClient, "get" | "status">;
  readonly scripts: Pick<ScriptRunner, "run">;
  readonly rules: ListRules;
  /** Each poll, by what it was to do. */
  readonly onTaken?: (project: ProjectId, answer: RoundAnswer) => void;
  /** A list of this worker's failed. */
  readonly onFailed?: (project: ProjectId, why: string) => void;
}

const ROUND_TTL_MS = 3_600_000;
const LIST_TTL_MS = 30_000;

/** The disk of an idle server; `!`: `error`; empty: `busy`. */
const Shown = z.string().transform((text): ListedServer => {
  if (text === "") return "busy";
  return text === "!" ? "error" : { disk: text };
});
const Stored = storedJson(
  z.object({ atMs: z.number(), servers: z.array(z.tuple([ServerId, Shown])) }),
);

interface Known {
  readonly atMs: number;
  readonly servers: Promise<ListedServers | null>;
}

/** The lists in Redis. Each replica reads a list once. */
export function createServerLists(deps: ServerListsDeps): ServerLists {
  const { redis, scripts, rules, onTaken, onFailed } = deps;
  const known = new Map<ProjectId, Known>();

  async function read(project: ProjectId, atMs: number): Promise<ListedServers | null> {
    try {
      const text = await redis.get(keysOf(project).list);
      const stored = Stored.safeParse(text);
      // A younger one does as well.
      return stored.data && stored.data.atMs >= atMs ? new Map(stored.data.servers) : null;
    } catch {
      // The poll asks for its job.
      return null;
    }
  }

  async function ended(
    project: ProjectId,
    begunMs: number,
    { end, list }: { readonly end: ListEnd; readonly list: string },
  ): Promise<void> {
    const { listRound: round, list: key } = keysOf(project);
    // One that is not kept counts as failed when its time is over.
    await scripts.run(
      listEndedScript,
      { round, list: key },
      {
        begunMs,
        rules,
        pages: end.kind === "listed" ? end.pages : 0,
        list,
        failed: end.kind === "failed",
        atLeastMs: end.kind === "failed" ? Math.ceil(end.atLeastMs) : 0,
        ttlMs: LIST_TTL_MS,
      },
    );
  }

  return {
    async take(project) {
      const asked =
        redis.status === "ready"
          ? await scripts.run(
              listRoundScript,
              { round: keysOf(project).listRound },
              { rules, ttlMs: ROUND_TTL_MS },
            )
          : null;
      const isKnown = asked !== null && asked.kind !== "away" && asked.kind !== "corrupt";
      const answer: RoundAnswer = isKnown ? asked : { kind: "alone", why: "held" };
      onTaken?.(project, answer);
      return answer;
    },

    async listed(project, atMs) {
      const mine = known.get(project);
      if (mine?.atMs === atMs) return await mine.servers;
      const servers = read(project, atMs);
      known.set(project, { atMs, servers });
      return await servers;
    },

    async made(project, begunMs, { pages, servers }) {
      known.set(project, { atMs: begunMs, servers: Promise.resolve(servers) });
      const list = JSON.stringify({
        atMs: begunMs,
        servers: [...servers].map(([id, listed]) => [id, textOf(listed)]),
      });
      await ended(project, begunMs, { end: { kind: "listed", pages }, list });
    },

    async unmade(project, begunMs, { why, ...end }) {
      if (end.kind === "failed") onFailed?.(project, why);
      await ended(project, begunMs, { end, list: "" });
    },
  };
}

function textOf(listed: ListedServer): string {
  if (listed === "busy") return "";
  return listed === "error" ? "!" : listed.disk;
}
