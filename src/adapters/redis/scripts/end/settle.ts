import { z } from "zod";
import { SETTLED_AS } from "../../../../contract/event.ts";
import { INQUIRY_SUFFIX } from "../../../../core/state/envelope.ts";
import type { SettleAnswer, StepSettle } from "../../../../steps/ports/step-record.ts";
import { keysOf } from "../../keys.ts";
import { storedJson } from "../../stored/stored-json.ts";
import { StoredOutcome } from "../../stored/stored-outcome.ts";
import { LAST_SUCCESS_TTL_MS } from "./finish.ts";
import type { NotedAct } from "../../../../contract/audit.ts";
import type { ScriptRunner } from "../../script-runner.ts";
import { ActArgument } from "../shared/act-argument.ts";
import { Rebuilding } from "../shared/lock-answer.ts";
import { script } from "../script.ts";
import type { StoreContext } from "../shared/store-context.ts";

/** @internal */
export const settleScript = script({
  lua: new URL("./settle.lua", import.meta.url),
  keys: ["inquiry", "cmd", "lock", "active", "last", "history", "audit", "epoch"],
  argument: z.object({
    /** Of the inquiry's record. */
    id: z.string(),
    /** The command. */
    owner: z.string(),
    /** Of the lock that the command left; null: whatever it is. */
    token: z.int().nullable(),
    content: z.string(),
    server: z.string(),
    as: z.enum(SETTLED_AS),
    /** JSON of the event's `data`: what the command's record is marked with. */
    settled: z.string(),
    /** JSON, as it is stored. */
    final: z.string(),
    /** Epoch ms. */
    healedAt: z.number().nullable(),
    ttlMs: z.number(),
    lastTtlMs: z.number(),
    /** Of a person; null: the cloud has proven it. */
    act: ActArgument.nullable(),
  }),
  answer: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("settled"),
      outcome: storedJson(StoredOutcome),
      first: z.boolean(),
    }),
    z.object({ kind: z.literal("lock-gone") }),
    /** Only to a person. */
    Rebuilding,
  ]),
});

/** `settle` of the store. */
export async function settle(context: StoreContext, step: StepSettle): Promise<SettleAnswer> {
  const { scripts, rules } = context;
  const answer = await runSettle({ scripts, ttlMs: rules.dedupTtlMs }, step, null);
  if (answer.kind !== "rebuilding") return answer;
  throw new Error("the cloud's proof does not wait for the store's memory");
}

/** The same for a person's word (`act`), which waits while the store's memory is young. */
export function runSettle(
  { scripts, ttlMs }: { readonly scripts: Pick<ScriptRunner, "run">; readonly ttlMs: number },
  step: StepSettle,
  act: NotedAct | null,
) {
  const { order, outcome, token, healedAtMs } = step;
  const k = keysOf(order.projectId);
  const id = `${order.commandId}${INQUIRY_SUFFIX}`;
  return scripts.run(
    settleScript,
    {
      inquiry: k.command(id),
      cmd: k.command(order.commandId),
      lock: k.lock(order.serverId),
      active: k.active,
      last: k.last(order.serverId),
      history: k.history(order.serverId),
      audit: k.audit,
      epoch: k.epoch,
    },
    {
      id,
      owner: order.commandId,
      token,
      content: order.contentHash,
      server: order.serverId,
      as: step.as,
      settled: JSON.stringify(outcome.event.data),
      final: JSON.stringify(outcome),
      healedAt: healedAtMs,
      ttlMs,
      lastTtlMs: LAST_SUCCESS_TTL_MS,
      act,
    },
  );
}
