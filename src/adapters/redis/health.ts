import type { RedisClient } from "./client.ts";
import type { ScriptName, ScriptWatch } from "./script-runner.ts";

export interface RedisHealth extends ScriptWatch {
  check(): { readonly state: "up" | "down"; readonly detail: string | null };
}

/** A refusal counts for this long: what was refused is tried again much sooner, if anybody still wants it. */
const REFUSED_MS = 30_000;

/**
 * Connected is not enough: a Redis that refuses what we ask (no right, no memory, no disk) looks alive, and every
 * command would wait in silence. `onRefused` is told once for each new refusal.
 */
export function createRedisHealth(
  redis: RedisClient,
  onRefused: (refusal: { readonly script: ScriptName; readonly detail: string }) => void,
  nowMs: () => number = () => performance.now(),
): RedisHealth {
  const refusals = new Map<ScriptName, { readonly detail: string; readonly atMs: number }>();
  let lastError: string | null = null;
  redis.on("error", (error: Error) => {
    lastError = error.message;
  });
  redis.on("ready", () => {
    lastError = null;
  });

  return {
    answered: (script) => void refusals.delete(script),
    refused(script, detail) {
      const known = refusals.get(script)?.detail === detail;
      refusals.set(script, { detail, atMs: nowMs() });
      if (!known) onRefused({ script, detail });
    },
    check() {
      const { status } = redis;
      if (status !== "ready") {
        return { state: "down", detail: lastError === null ? status : `${status}: ${lastError}` };
      }
      for (const [script, { detail, atMs }] of refusals) {
        if (nowMs() - atMs < REFUSED_MS) {
          return { state: "down", detail: `refuses the script ${script}: ${detail}` };
        }
      }
      return { state: "up", detail: status };
    },
  };
}
