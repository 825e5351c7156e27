import { z } from "zod";
import type { ProjectId } from "../../contract/ids.ts";
import { DURATIONS_KEPT, type LikelyEnd, likelyEnd } from "../../core/calls/likely-end.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { JobDurations } from "../../steps/ports/job-durations.ts";
import type { RedisClient } from "./connection/client.ts";
import { keysOf } from "./keys.ts";
import type { ScriptRunner } from "./script-runner.ts";
import { learnDurationScript } from "./scripts/calls/learn-duration.ts";
import { storedJson } from "./stored/stored-json.ts";

interface JobDurationsDeps {
  readonly redis: Pick<RedisClient, "hget" | "status">;
  readonly scripts: Pick<ScriptRunner, "run">;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Called with what is known, each time that it is read or learned. */
  readonly onKnown?: (project: ProjectId, kind: string, likely: LikelyEnd | null) => void;
}

/** What the other replicas learn meanwhile may be this old. */
const FRESH_MS = 30_000;
const TTL_MS = 90 * 86_400_000;

const Durations = storedJson(z.array(z.number()));

interface Remembered {
  readonly likely: LikelyEnd | null;
  readonly atMs: number;
}

/** Besides what a step wants to know. */
export interface KnownDurations extends JobDurations {
  /** Of the kinds of job that this replica has met: when most of the longest have ended, ms; null: nothing is known. */
  longestMs(project: ProjectId): number | null;
}

/** The durations in Redis. Each replica remembers what they say for a while: a poll does not ask for them. */
export function createJobDurations(deps: JobDurationsDeps): KnownDurations {
  const { redis, scripts, clock, onKnown } = deps;
  const known = new Map<ProjectId, Map<string, Remembered>>();

  function remember(project: ProjectId, kind: string, likely: LikelyEnd | null) {
    const kinds = known.get(project) ?? new Map<string, Remembered>();
    known.set(project, kinds.set(kind, { likely, atMs: clock.monotonicMs() }));
    onKnown?.(project, kind, likely);
    return likely;
  }

  return {
    async likelyEnd(project, kind) {
      const mine = known.get(project)?.get(kind);
      const isFresh = mine !== undefined && clock.monotonicMs() - mine.atMs < FRESH_MS;
      if (isFresh || redis.status !== "ready") return mine?.likely ?? null;
      try {
        const text = await redis.hget(keysOf(project).durations, kind);
        const tookMs = text === null ? [] : (Durations.safeParse(text).data ?? []);
        return remember(project, kind, likelyEnd(tookMs));
      } catch {
        // Asked again when it is next wanted.
        return mine?.likely ?? null;
      }
    },

    async learn(project, kind, tookMs) {
      if (redis.status !== "ready") return "away";
      const answer = await scripts.run(
        learnDurationScript,
        { durations: keysOf(project).durations },
        { kind, tookMs, keep: DURATIONS_KEPT, ttlMs: TTL_MS },
      );
      if (answer.kind !== "kept") return "away";
      remember(project, kind, likelyEnd(answer.tookMs));
      return "kept";
    },

    longestMs(project) {
      const kinds = [...(known.get(project)?.values() ?? [])];
      const ends = kinds.flatMap(({ likely }) => likely?.toMs ?? []);
      return ends.length === 0 ? null : Math.max(...ends);
    },
  };
}

/** For who does not want polls put off (`POLL_LEARNED=false`): nothing is kept, and nothing known. */
export const NO_DURATIONS: KnownDurations = {
  likelyEnd: async () => null,
  learn: async () => "kept",
  longestMs: () => null,
};
