import type { Act } from "../../contract/audit.ts";
import type { SettledAs } from "../../contract/event.ts";
import type { CommandId, ProjectId } from "../../contract/ids.ts";
import { settledByPerson } from "../../core/decisions/settled-by-person.ts";
import { Order } from "../../core/state/order.ts";
import type { StoreAway, StoreCorrupt } from "../../steps/ports/store-trouble.ts";
import type { RedisClient } from "./connection/client.ts";
import { readLeftBehind } from "./views/left-behind.ts";
import type { ScriptRunner } from "./script-runner.ts";
import { runSettle } from "./scripts/end/settle.ts";
import { runNoteWord } from "./scripts/operator/note-word.ts";
import { redisNowMs } from "./connection/time.ts";

/** What a person says became of an `unresolved` command. */
export interface Resolution {
  readonly command: CommandId;
  readonly as: Exclude<SettledAs, "failed">;
}

/** The answer to a person's word. */
export type ResolveAnswer =
  /** `oursToStart`: the server was stopped for the reinstall, and nobody starts it. */
  | { readonly kind: "settled"; readonly oursToStart: boolean }
  /** The server may be off by our doing: a worker starts it, and then settles the command by this word. */
  | { readonly kind: "noted" }
  /** The cloud, or somebody else, was first. */
  | { readonly kind: "settled-before"; readonly as: string }
  | { readonly kind: "unheard-of" }
  /** The store has lost the command, and nobody needs to be asked: its inquiry sees for itself that the disk was replaced. */
  | { readonly kind: "forgotten" }
  | { readonly kind: "still-open"; readonly phase: string }
  | { readonly kind: "not-unresolved"; readonly outcome: string }
  /** Its request may still take effect, until `untilMs`. */
  | { readonly kind: "fenced"; readonly untilMs: number }
  /** It is known that nothing was reinstalled; the worker starts the server, and then says so. */
  | { readonly kind: "starting" }
  /** The server is not locked by it any more. */
  | { readonly kind: "lock-gone" }
  /** The store's memory is new: until `untilMs` not everything is back. */
  | { readonly kind: "rebuilding"; readonly untilMs: number }
  | StoreAway
  | StoreCorrupt;

/** For how long the end of the inquiry is remembered: as long as a command by default. */
const KEPT_MS = 7 * 86_400_000;

/**
 * Settles an `unresolved` command by a person's word: by the script that the cloud's proof uses, too. The
 * first of both wins.
 */
export async function resolve(
  store: { readonly redis: RedisClient; readonly scripts: Pick<ScriptRunner, "run"> },
  project: ProjectId,
  resolution: Resolution,
  by: Act,
): Promise<ResolveAnswer> {
  try {
    return await settleBy(store, project, resolution, by);
  } catch (error) {
    return { kind: "away", message: error instanceof Error ? error.message : String(error) };
  }
}

async function settleBy(
  { redis, scripts }: { readonly redis: RedisClient; readonly scripts: Pick<ScriptRunner, "run"> },
  project: ProjectId,
  { command, as }: Resolution,
  by: Act,
): Promise<ResolveAnswer> {
  const known = await readLeftBehind(redis, project, command);
  if (known === null) return { kind: "unheard-of" };
  const { outcome, final, token, power } = known;
  if (outcome === null) return { kind: "still-open", phase: known.phase };
  if (outcome !== "unresolved") return { kind: "not-unresolved", outcome };
  const nowMs = await redisNowMs(redis, project);
  // Once it is settled the script only does what a failure has left undone, and says what was said.
  if (known.settledAs === null) {
    if (known.starting) return { kind: "starting" };
    const { fenceAtMs } = known;
    if (fenceAtMs !== null && nowMs < fenceAtMs) return { kind: "fenced", untilMs: fenceAtMs };
  }
  const order = Order.safeParse(known.order);
  if (known.isForgotten && as === "reinstalled") return { kind: "forgotten" };
  if (!order.success || (final === null && !known.isForgotten)) {
    return { kind: "corrupt", message: `the record of ${command} cannot be read: use unlock` };
  }
  const act = { ...by, action: "resolve" as const, command, server: order.data.serverId, as };
  const word = { as, by: by.by, why: by.reason, atMs: nowMs };
  const mayBeStopped = power?.mayHaveStopped === true && known.settledAs === null;
  if (as === "not-reinstalled" && (mayBeStopped || known.isForgotten)) {
    const noted = await runNoteWord(scripts, order.data, {
      token,
      word: { by: by.by, why: by.reason, atMs: nowMs },
      act,
    });
    // Nobody looks at the server any more: the word counts at once, and says what is left to do.
    if (noted.kind !== "inquiry-over") return noted;
  }
  if (final === null) return { kind: "unheard-of" };
  const { event, healedAtMs, oursToStart } = settledByPerson(final.event, order.data, power, word);
  const answer = await runSettle(
    { scripts, ttlMs: KEPT_MS },
    { order: order.data, token, as, outcome: { event, reply: null, dead: null }, healedAtMs },
    act,
  );
  if (answer.kind !== "settled") return answer;
  return answer.first
    ? { kind: "settled", oursToStart }
    : { kind: "settled-before", as: String(answer.outcome.event.data["as"]) };
}
