import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { z } from "zod";
import type { StoreAway, StoreCorrupt } from "../../steps/ports/reinstall-store.ts";
import type { RedisClient } from "./client.ts";

const SCRIPTS = [
  "admit",
  "claim",
  "acquire",
  "take-attempt",
  "intent",
  "save",
  "finish",
  "refuse",
  "told",
  "open-epoch",
  "may-stop",
  "cancel",
  "set-pause",
  "keep-pauses",
  "unlock",
  "prune-lock",
] as const;
export type ScriptName = (typeof SCRIPTS)[number];

/** Runs our Lua scripts, one reply object each; translates every failure of Redis in one place. */
export interface ScriptRunner {
  run<T extends { kind: string }>(
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
    shape: z.ZodType<T>,
  ): Promise<T | StoreAway | StoreCorrupt>;
  /**
   * The same, but an answer counts only when so many replicas of the server that ran the script have what it wrote;
   * otherwise it is `away`: it may have been run.
   */
  confirmedBy(replication: Replication): Pick<ScriptRunner, "run">;
}

export interface Replication {
  readonly replicas: number;
  readonly timeoutMs: number;
}

/** Told what Redis says to each script. */
export interface ScriptWatch {
  answered(script: ScriptName): void;
  refused(script: ScriptName, message: string): void;
  /** Redis was not reached, or said that it cannot just now. */
  missed(script: ScriptName, message: string): void;
}

export function createScriptRunner(redis: RedisClient, watch?: ScriptWatch): ScriptRunner {
  const library = new Map(SCRIPTS.map((name) => [name, load(name)]));
  const runner = (send: Send): Pick<ScriptRunner, "run"> => ({
    async run(name, keys, args, shape) {
      const script = library.get(name);
      if (script === undefined) throw new Error(`no script ${name}`);
      const values = [keys.length, ...keys, ...args] as const;
      let text: unknown;
      try {
        text = await evaluate(send, script, values);
        watch?.answered(name);
      } catch (cause) {
        if (isRefusal(cause)) watch?.refused(name, located(messageOf(cause), script));
        else watch?.missed(name, messageOf(cause));
        return { kind: "away", message: messageOf(cause) };
      }
      const parsed = parseReply(text, shape);
      return parsed ?? { kind: "corrupt", message: `script ${name} found what it cannot read` };
    },
  });
  return {
    ...runner((verb, [script, ...values]) => redis[verb](script, ...values)),
    confirmedBy: (replication) => runner(replicated(redis, replication)),
  };
}

/** One script to Redis: EVALSHA with its hash, or EVAL with its text. */
type Send = (
  verb: "evalsha" | "eval",
  command: readonly [string, number, ...(string | number)[]],
) => Promise<unknown>;

/**
 * WAIT speaks of what its own connection has seen: so it goes out with the script, on that connection and to that
 * node. On another connection it would wait for nothing, on another node of a cluster for somebody else's writes.
 */
function replicated(redis: RedisClient, { replicas, timeoutMs }: Replication): Send {
  return async (verb, [script, ...values]) => {
    const both = redis.pipeline();
    both[verb](script, ...values);
    both.wait(replicas, timeoutMs);
    const answers = await both.exec();
    const [[refused, text] = [], [unheard, acknowledged] = []] = answers ?? [];
    if (refused) throw refused;
    if (unheard) throw unheard;
    const count = Number(acknowledged ?? 0);
    if (count < replicas) throw new TooFewReplicas(count, replicas);
    return text;
  };
}

interface Script {
  readonly text: string;
  readonly sha: string;
}

function load(name: ScriptName): Script {
  const read = (file: string) =>
    readFileSync(new URL(`./scripts/${file}.lua`, import.meta.url), "utf8");
  const text = ["prelude", "brakes", name].map(read).join("\n");
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

class TooFewReplicas extends Error {
  constructor(count: number, wanted: number) {
    super(`${count} of ${wanted} replicas have what was written (REDIS_WAIT_REPLICAS)`);
  }
}

/** EVALSHA, and EVAL when the server does not know the script (restart, SCRIPT FLUSH): that one never ran. */
async function evaluate(
  send: Send,
  script: Script,
  values: readonly [number, ...(string | number)[]],
): Promise<unknown> {
  try {
    return await send("evalsha", [script.sha, ...values]);
  } catch (error) {
    if (!messageOf(error).startsWith("NOSCRIPT")) throw error;
    return await send("eval", [script.text, ...values]);
  }
}

function parseReply<T>(text: unknown, shape: z.ZodType<T>): T | StoreCorrupt | null {
  let value: unknown;
  try {
    value = JSON.parse(String(text));
  } catch {
    return null;
  }
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  if (typeof value === "object" && value !== null && "message" in value) {
    return { kind: "corrupt", message: String(value.message) };
  }
  return null;
}

/** Redis answered, and the answer is an error that waiting may not mend. */
function isRefusal(error: unknown): boolean {
  if (error instanceof TooFewReplicas) return true;
  return error instanceof Error && error.name === "ReplyError" && !PASSING.test(error.message);
}

/** A server that only starts, or is no primary any more; a cluster that moves a slot, or waits for a new primary. */
const PASSING = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|UNBLOCKED) /;

/** Redis before 7.2 names neither the command nor the key that a script may not have: its line does. */
function located(message: string, { text }: Script): string {
  const line = /user_script:(\d+)/.exec(message)?.[1];
  const code = line === undefined ? undefined : text.split("\n")[Number(line) - 1]?.trim();
  return code === undefined ? message : `${message} [${code}]`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
