import type { ProjectId } from "../../contract/ids.ts";
import type { RedisClient } from "./connection/client.ts";
import { inWords } from "./connection/in-words.ts";
import type { Sight } from "./connection/probe.ts";
import type { ScriptWatch } from "./script-runner.ts";

export interface RedisHealth extends ScriptWatch {
  /** A look at Redis that began at `askedAtMs`. */
  sighted(sight: Sight, askedAtMs: number): void;
  /** Nothing new starts in a project for so long. */
  rebuilding(project: ProjectId, forMs: number): void;
  check(): {
    readonly state: "up" | "degraded" | "starting" | "down";
    readonly detail: string | null;
    readonly page?: string;
  };
  /** Our clock minus Redis's, ms: of several servers the one that we are furthest from. Null while Redis does not answer. */
  clockOffsetMs(): number | null;
}

export interface RedisHealthOptions {
  /** Called once for each new refusal. */
  readonly onRefused: (refusal: { readonly script: string; readonly detail: string }) => void;
  /** Further from Redis's clock than this, nothing new is taken in. */
  readonly maxClockOffsetMs: number;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** A refusal counts for this long: what was refused is tried again much sooner, if anybody still wants it. */
const REFUSED_MS = 30_000;
/** What cannot be read counts for this long after it was met last: whatever needs it meets it again each minute. */
const UNREADABLE_MS = 90_000;
/** So many are distinguished; one that is met again goes on counting. */
const MOST_UNREADABLE = 20;
/** Clocks of healthy machines are milliseconds apart: somebody should look. */
const ODD_OFFSET_MS = 5_000;

/**
 * Connected is not enough: a Redis that stands still, or refuses what we ask (no right, no memory, no disk), looks
 * alive, and every command would wait in silence. A step that did not find it makes it down at once; it is up again
 * when a later look found every server.
 */
export function createRedisHealth(redis: RedisClient, options: RedisHealthOptions): RedisHealth {
  const { onRefused, maxClockOffsetMs, nowMs } = options;
  const refusals = new Map<string, { readonly detail: string; readonly atMs: number }>();
  const unreadable = new Map<string, number>();
  let lastError: string | null = null;
  /** Null: not asked since it was connected. */
  let sight: Sight | null = null;
  let missed: { readonly detail: string; readonly atMs: number } | null = null;
  const youngUntilMs = new Map<ProjectId, number>();
  redis.on("error", (error: Error & { readonly lastNodeError?: Error | null }) => {
    lastError = inWords(error.lastNodeError?.message ?? error.message);
  });
  redis.on("ready", () => {
    lastError = null;
  });
  redis.on("close", () => {
    sight = null;
  });

  function clockOffsetMs(): number | null {
    if (redis.status !== "ready" || sight?.kind !== "reached") return null;
    return sight.clockOffsetsMs.reduce<number | null>(
      (worst, one) => (worst === null || Math.abs(one) > Math.abs(worst) ? one : worst),
      null,
    );
  }

  function checkMemory(): ReturnType<RedisHealth["check"]> | null {
    for (const [project, untilMs] of youngUntilMs) {
      const leftMs = untilMs - nowMs();
      if (leftMs <= 0) {
        youngUntilMs.delete(project);
        continue;
      }
      const seconds = Math.ceil(leftMs / 1000);
      return {
        state: "degraded",
        detail: `its memory of project ${project} is new: nothing new starts there for ${seconds} s`,
      };
    }
    return null;
  }

  /** A value that nobody can read stops what needs it, a project perhaps, and nothing else: no reason to be not ready. */
  function checkValues(): ReturnType<RedisHealth["check"]> | null {
    for (const [message, atMs] of unreadable)
      if (nowMs() - atMs >= UNREADABLE_MS) unreadable.delete(message);
    const [first] = unreadable.keys();
    if (first === undefined) return null;
    const more = unreadable.size === 1 ? "" : ` (and ${unreadable.size - 1} more, see the log)`;
    return {
      state: "degraded",
      detail: `holds what cannot be read, and what needs it waits: ${first}${more}`,
      page: "docs/runbooks/EcsReinstallStepErrors.md",
    };
  }

  function checkClock(): ReturnType<RedisHealth["check"]> {
    const offsetMs = clockOffsetMs();
    if (offsetMs === null) return { state: "up", detail: null };
    const detail = `our clock minus Redis's: ${(offsetMs / 1000).toFixed(3)} s`;
    if (Math.abs(offsetMs) > maxClockOffsetMs) {
      const limit = `more than MAX_CLOCK_OFFSET_MS (${maxClockOffsetMs})`;
      return { state: "down", detail: `${detail}, ${limit}: no new command is taken in` };
    }
    return { state: Math.abs(offsetMs) > ODD_OFFSET_MS ? "degraded" : "up", detail };
  }

  return {
    clockOffsetMs,
    answered: (script) => void refusals.delete(script),
    refused(script, detail) {
      const known = refusals.get(script)?.detail === detail;
      refusals.set(script, { detail, atMs: nowMs() });
      if (!known) onRefused({ script, detail });
    },
    missed(script, detail) {
      missed = { detail: `a step did not reach it (${script}): ${detail}`, atMs: nowMs() };
    },
    unreadable(message) {
      if (unreadable.has(message) || unreadable.size < MOST_UNREADABLE)
        unreadable.set(message, nowMs());
    },
    rebuilding: (project, forMs) => void youngUntilMs.set(project, nowMs() + forMs),
    sighted(seen, askedAtMs) {
      sight = seen;
      if (seen.kind === "reached" && missed !== null && missed.atMs <= askedAtMs) missed = null;
    },
    check() {
      const { status } = redis;
      if (status !== "ready") {
        return { state: "down", detail: lastError === null ? status : `${status}: ${lastError}` };
      }
      if (sight?.kind === "away") {
        return { state: "down", detail: `does not answer: ${sight.detail}` };
      }
      if (sight?.kind === "replica") {
        const rule = "the address must be that of the primary, or of the Sentinels";
        const detail = `is a replica of ${sight.primary}: nothing can be written to it; ${rule}`;
        return { state: "down", detail };
      }
      if (missed !== null) return { state: "down", detail: missed.detail };
      if (sight === null)
        return { state: "starting", detail: "connected, and has not answered yet" };
      for (const [script, { detail, atMs }] of refusals) {
        if (nowMs() - atMs < REFUSED_MS) {
          return { state: "down", detail: `refuses the script ${script}: ${detail}` };
        }
      }
      const clock = checkClock();
      return clock.state === "up" ? (checkValues() ?? checkMemory() ?? clock) : clock;
    },
  };
}
