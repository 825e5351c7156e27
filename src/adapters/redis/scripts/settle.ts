import { z } from "zod";
import { SETTLED_AS } from "../../../contract/event.ts";
import { INQUIRY_SUFFIX } from "../../../core/envelope.ts";
import type { SettleAnswer, StepSettle } from "../../../steps/ports/step-record.ts";
import { keysOf } from "../keys.ts";
import { storedJson } from "../stored-json.ts";
import { StoredOutcome } from "../stored-outcome.ts";
import { LAST_SUCCESS_TTL_MS } from "./finish.ts";
import { script } from "./script.ts";
import type { StoreContext } from "./store-context.ts";

/** @internal */
export const settleScript = script({
  name: "settle",
  keys: ["inquiry", "cmd", "lock", "active", "last", "history"],
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
  }),
  answer: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("settled"),
      outcome: storedJson(StoredOutcome),
      first: z.boolean(),
    }),
    z.object({ kind: z.literal("lock-gone") }),
  ]),
});

/** `settle` of the store. */
export function settle(context: StoreContext, step: StepSettle): Promise<SettleAnswer> {
  const { order, outcome, token, healedAtMs } = step;
  const k = keysOf(order.projectId);
  const id = `${order.commandId}${INQUIRY_SUFFIX}`;
  return context.scripts.run(
    settleScript,
    {
      inquiry: k.command(id),
      cmd: k.command(order.commandId),
      lock: k.lock(order.serverId),
      active: k.active,
      last: k.last(order.serverId),
      history: k.history(order.serverId),
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
      ttlMs: context.rules.dedupTtlMs,
      lastTtlMs: LAST_SUCCESS_TTL_MS,
    },
  );
}
