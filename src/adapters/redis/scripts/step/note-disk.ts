import { z } from "zod";
import { BrakeVerdict } from "../../../../core/brakes/hold.ts";
import { diskEntry } from "../../../../core/brakes/disk-age.ts";
import type { Order } from "../../../../core/state/order.ts";
import type { ReinstallStore } from "../../../../steps/ports/reinstall-store.ts";
import type { StepClaim } from "../../../../steps/ports/step-claim.ts";
import { acquireArgument, acquireKeys, AcquireArgument, acquireShape } from "./acquire.ts";
import { Fenced, Forgotten } from "../shared/claim-lost.ts";
import { LAST_SUCCESS_TTL_MS } from "../end/finish.ts";
import { LockReply } from "../shared/lock-answer.ts";
import { script } from "../script.ts";
import type { StoreContext } from "../shared/store-context.ts";

/** @internal */
export const noteDiskScript = script({
  lua: new URL("./note-disk.lua", import.meta.url),
  keys: acquireShape.keys,
  argument: AcquireArgument.extend({
    dryRun: z.boolean(),
    /** Stands for the command that nobody remembers. */
    by: z.string(),
    /** In the server's history (history.lua). */
    entry: z.object({
      at: z.number(),
      ended: z.number().optional(),
      reason: z.string(),
      outcome: z.string().optional(),
    }),
    /** Epoch ms; null: nothing is healed by it. */
    healedAt: z.number().nullable(),
    lastTtlMs: z.number(),
  }),
  answer: z.union([
    z.object({
      kind: z.literal("noted"),
      lock: LockReply,
      verdicts: z.array(BrakeVerdict).nullable(),
    }),
    Fenced,
    Forgotten,
  ]),
});

/** `noteDisk` of the store. */
export function noteDisk(
  context: StoreContext,
  order: Order,
  claim: StepClaim,
  age: Parameters<ReinstallStore["noteDisk"]>[2],
): ReturnType<ReinstallStore["noteDisk"]> {
  return context.scripts.run(noteDiskScript, acquireKeys(order), {
    ...acquireArgument(context, order, claim, false),
    ...diskEntry(age),
    dryRun: order.dryRun,
    lastTtlMs: LAST_SUCCESS_TTL_MS,
  });
}
