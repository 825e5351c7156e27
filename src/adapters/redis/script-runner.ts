import type { z } from "zod";
import { wellFormed } from "../../core/intake/reading/well-formed.ts";
import type { StoreAway, StoreCorrupt } from "../../steps/ports/store-trouble.ts";
import type { RedisClient } from "./connection/client.ts";
import { inWords } from "./connection/in-words.ts";
import { createRunIds, type RunIdOptions } from "./connection/run-ids.ts";
import type { Script } from "./scripts/script.ts";

/** Runs our Lua scripts: one object in, one object out; translates every failure of Redis in one place. */
export interface ScriptRunner {
  run<Key extends string, Argument extends object, Answer extends { kind: string }>(
    script: Script<Key, Argument, Answer>,
    keys: Readonly<Record<Key, string>>,
    argument: Argument,
  ): Promise<Answer | StoreAway | StoreCorrupt>;
  /**
   * The same, but an answer counts only when so many replicas of the server that ran the script have what it wrote;
   * otherwise it is `away`: it may have been run.
   */
  confirmedBy(replication: Replication): Pick<ScriptRunner, "run">;
}

interface Replication {
  readonly replicas: number;
  readonly timeoutMs: number;
}

/** Hears what Redis says to each script. */
export interface ScriptWatch {
  answered(script: string): void;
  refused(script: string, message: string): void;
  /** Redis was not reached, or said that it cannot just now. */
  missed(script: string, message: string): void;
  /** It met a value that no worker wrote: what needs it waits. `message` names the key. */
  unreadable?(message: string): void;
  /** The call is over, whatever its result. */
  ended?(script: string, seconds: number): void;
}

export function createScriptRunner(
  redis: RedisClient,
  watch?: ScriptWatch,
  options: RunIdOptions = { behindProxy: false },
): ScriptRunner {
  const runIds = createRunIds(redis, options);
  const heard = (found: StoreCorrupt): StoreCorrupt => {
    watch?.unreadable?.(found.message);
    return found;
  };
  const runner = (write: Send): Pick<ScriptRunner, "run"> => ({
    async run(script, keys, argument) {
      const named = script.keys.map((key) => keys[key]);
      const send: Send = async (verb, [text, ...values]) => {
        if (script.asksServer === true) return await write(verb, [text, ...values, ""]);
        if (runIds.known() === undefined) await runIds.read();
        // In one turn with the write: what was read belongs to this connection.
        return await write(verb, [text, ...values, runIds.known() ?? ""]);
      };
      let answer: unknown;
      const startedMs = performance.now();
      try {
        answer = await evaluate(send, script, [named.length, ...named, argumentText(argument)]);
        watch?.answered(script.name);
      } catch (cause) {
        const message = messageOf(cause);
        if (STUMBLED.test(message)) {
          // Redis works: it is what lies there that no script of ours can go on with.
          watch?.answered(script.name);
          return heard(unreadable(script, named, located(message, script)));
        }
        if (isRefusal(cause)) watch?.refused(script.name, located(message, script));
        else watch?.missed(script.name, inWords(message));
        return { kind: "away", message: inWords(message) };
      } finally {
        watch?.ended?.(script.name, (performance.now() - startedMs) / 1000);
      }
      const read = readAnswer(script, named, answer);
      return isCorrupt(read) ? heard(read) : read;
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

class TooFewReplicas extends Error {
  constructor(count: number, wanted: number) {
    super(`${count} of ${wanted} replicas have what was written (REDIS_WAIT_REPLICAS)`);
  }
}

/** What Redis needs of a script. */
type Loaded = Readonly<Record<"text" | "sha", string>>;

/** EVALSHA, and EVAL when the server does not know the script (restart, SCRIPT FLUSH): that one never ran. */
async function evaluate(
  send: Send,
  script: Loaded,
  values: readonly [number, ...(string | number)[]],
): Promise<unknown> {
  try {
    return await send("evalsha", [script.sha, ...values]);
  } catch (error) {
    if (!messageOf(error).startsWith("NOSCRIPT")) throw error;
    return await send("eval", [script.text, ...values]);
  }
}

/** The argument of a script, as it travels: half of a surrogate pair, which no decoder of JSON there takes, becomes U+FFFD. */
function argumentText(argument: object): string {
  const text = JSON.stringify(argument);
  // JSON.stringify escapes it, and no other surrogate.
  if (!text.includes("\\ud")) return text;
  return JSON.stringify(argument, wellFormed);
}

/** What a script answered, as one of its shapes; `corrupt` when it says so itself, or answered something else. */
function readAnswer<T>(
  script: { readonly name: string; readonly answer: z.ZodType<T> },
  keys: readonly string[],
  text: unknown,
): T | StoreCorrupt {
  let value: unknown;
  try {
    value = JSON.parse(String(text));
  } catch {
    return unreadable(script, keys, "its answer is no JSON");
  }
  const parsed = script.answer.safeParse(value);
  if (parsed.success) return parsed.data;
  if (typeof value === "object" && value !== null && "message" in value) {
    return { kind: "corrupt", message: String(value.message) };
  }
  const wrong = parsed.error.issues.map(({ path }) => path.join("."));
  return unreadable(script, keys, `its answer lacks ${[...new Set(wrong)].join(", ")}`);
}

function isCorrupt(answer: { readonly kind: string } | StoreCorrupt): answer is StoreCorrupt {
  return answer.kind === "corrupt";
}

/** Where to look: the first key of a script is that which it is about. */
function unreadable(
  { name }: { readonly name: string },
  [first = "none"]: readonly string[],
  why: string,
): StoreCorrupt {
  const message = `script ${name} found what it cannot read at ${first}, or at a key beside it: ${why}`;
  return { kind: "corrupt", message };
}

/**
 * A script of ours that stumbled over a value: Lua's own words, or a command's about a value. Of Redis before 7 the words
 * stand behind others.
 */
const STUMBLED =
  /user_script: ?\d+: (?:attempt to |bad argument |Cannot serialise )|command arguments must be strings|\bWRONGTYPE |would overflow|is not an integer|is not a valid float|is not a float/;

/** Redis answered, and the answer is an error that waiting may not remove. */
function isRefusal(error: unknown): boolean {
  if (error instanceof TooFewReplicas) return true;
  return error instanceof Error && error.name === "ReplyError" && !PASSING.test(error.message);
}

/** A server that only starts, or is no primary any more; a cluster that moves a slot, or waits for a new primary. */
const PASSING = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|UNBLOCKED) /;

/** Redis before 7.2 names neither the command nor the key that a script may not have: its line does. */
function located(message: string, { text }: Loaded): string {
  const line = /user_script:(\d+)/.exec(message)?.[1];
  const code = line === undefined ? undefined : text.split("\n")[Number(line) - 1]?.trim();
  return code === undefined ? message : `${message} [${code}]`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
