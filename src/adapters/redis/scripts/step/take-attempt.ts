import { z } from "zod";
import type { Order } from "../../../../core/state/order.ts";
import type { ReinstallStore } from "../../../../steps/ports/reinstall-store.ts";
import type { StepClaim } from "../../../../steps/ports/step-claim.ts";
import { keysOf } from "../../keys.ts";
import { Fenced, Forgotten } from "../shared/claim-lost.ts";
import { script } from "../script.ts";
import { ClaimArgument, claimArgument, type StoreContext } from "../shared/store-context.ts";

/** @internal */
export const takeAttemptScript = script({
  lua: new URL("./take-attempt.lua", import.meta.url),
  keys: ["cmd", "epoch"],
  argument: ClaimArgument.extend({ held: z.int() }),
  answer: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("taken"), attempt: z.int() }),
    Fenced,
    Forgotten,
  ]),
});

/** `takeAttempt` of the store. */
export function takeAttempt(
  context: StoreContext,
  order: Order,
  claim: StepClaim,
  held: number,
): ReturnType<ReinstallStore["takeAttempt"]> {
  const k = keysOf(order.projectId);
  return context.scripts.run(
    takeAttemptScript,
    { cmd: k.command(order.commandId), epoch: k.epoch },
    { ...claimArgument(claim), held },
  );
}
