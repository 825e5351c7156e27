import { z } from "zod";
import { BrakeRules } from "../../../../core/brakes/brake-rules.ts";
import { INQUIRY_SUFFIX } from "../../../../core/state/envelope.ts";
import type { FinishAnswer, StepFinish } from "../../../../steps/ports/step-record.ts";
import { keysOf } from "../../keys.ts";
import { storedJson } from "../../stored/stored-json.ts";
import { StoredOutcome } from "../../stored/stored-outcome.ts";
import { Fenced, Forgotten } from "../shared/claim-lost.ts";
import { LINE_KEYS, lineKeys } from "../shared/line-argument.ts";
import { script } from "../script.ts";
import { ClaimArgument, claimArgument, type StoreContext } from "../shared/store-context.ts";

/** `superseded` looks back this far. */
export const LAST_SUCCESS_TTL_MS = 30 * 86_400_000;

/** @internal */
export const finishScript = script({
  lua: new URL("./finish.lua", import.meta.url),
  keys: [
    "cmd",
    "lock",
    "active",
    "last",
    "epoch",
    "inquiry",
    "history",
    "storm",
    "pauses",
    "debt",
    ...LINE_KEYS,
  ],
  argument: ClaimArgument.extend({
    id: z.string(),
    step: z.int(),
    outcome: z.string(),
    /** JSON, as it is stored. */
    final: z.string(),
    finalSequence: z.int(),
    freeLock: z.boolean(),
    /** What it says of a storm of failures; null: nothing. */
    storm: z.object({ result: z.enum(["success", "failure"]), cause: z.string() }).nullable(),
    rules: BrakeRules,
    group: z.string().nullable(),
    /** It is proven that the request of the present intent was not carried out. */
    clearIntent: z.boolean(),
    /** Epoch ms. */
    healedAt: z.number().nullable(),
    ttlMs: z.number(),
    lastTtlMs: z.number(),
    /** What another command owed the server and this step has taken over, as it is stored; null: nothing. */
    paid: z.string().nullable(),
    /** JSON, as it is stored; null: it owes nothing. */
    owes: z.string().nullable(),
    /** The record of the inquiry that it leaves behind; null: none. */
    inquiry: z
      .object({
        content: z.string(),
        wish: z.string(),
        server: z.string(),
        /** JSON, as it is stored. */
        order: z.string(),
        /** JSON, as it is stored. */
        resume: z.string(),
      })
      .nullable(),
  }),
  answer: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("finished"),
      outcome: storedJson(StoredOutcome),
      first: z.boolean(),
    }),
    Fenced,
    Forgotten,
  ]),
});

/** `finish` of the store. */
export function finish(context: StoreContext, step: StepFinish): Promise<FinishAnswer> {
  const { order, claim, outcome } = step;
  const k = keysOf(order.projectId);
  return context.scripts.run(
    finishScript,
    {
      cmd: k.command(order.commandId),
      lock: k.lock(order.serverId),
      active: k.active,
      last: k.last(order.serverId),
      epoch: k.epoch,
      inquiry: k.command(`${order.commandId}${INQUIRY_SUFFIX}`),
      history: k.history(order.serverId),
      storm: k.storm,
      pauses: k.pauses,
      debt: k.debt(order.serverId),
      ...lineKeys(k, order),
    },
    {
      ...claimArgument(claim),
      id: order.commandId,
      step: claim.step,
      outcome: outcome.event.data.event,
      final: JSON.stringify(outcome),
      finalSequence: outcome.event.data.sequence,
      storm: step.storm ?? null,
      rules: context.rules.brakes,
      clearIntent: step.intent === "clear",
      freeLock: step.lock === "free",
      group: order.group ?? null,
      healedAt: step.healedAtMs,
      ttlMs: context.rules.dedupTtlMs,
      lastTtlMs: LAST_SUCCESS_TTL_MS,
      paid: claim.debt ?? null,
      owes: step.owes == null ? null : JSON.stringify(step.owes),
      inquiry:
        outcome.inquiry === undefined
          ? null
          : {
              content: order.contentHash,
              wish: order.wishHash,
              server: order.serverId,
              order: JSON.stringify(order),
              resume: JSON.stringify(outcome.inquiry.envelope),
            },
    },
  );
}
