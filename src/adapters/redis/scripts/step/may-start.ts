import { z } from "zod";
import { recordIdOf } from "../../../../core/state/envelope.ts";
import type { Order } from "../../../../core/state/order.ts";
import type { ReinstallStore } from "../../../../steps/ports/reinstall-store.ts";
import type { StepClaim } from "../../../../steps/ports/step-claim.ts";
import { keysOf } from "../../keys.ts";
import { Fenced, Forgotten } from "../shared/claim-lost.ts";
import { script } from "../script.ts";
import { ClaimArgument, claimArgument, type StoreContext } from "../shared/store-context.ts";

/** @internal */
export const mayStartScript = script({
  lua: new URL("./may-start.lua", import.meta.url),
  keys: ["cmd", "lock", "epoch"],
  argument: ClaimArgument.extend({ id: z.string(), token: z.int() }),
  answer: z.discriminatedUnion("kind", [z.object({ kind: z.literal("go") }), Fenced, Forgotten]),
});

/** `mayStart` of the store. */
export function mayStart(
  context: StoreContext,
  order: Order,
  claim: StepClaim,
  { token, phase }: Parameters<ReinstallStore["mayStart"]>[2],
): ReturnType<ReinstallStore["mayStart"]> {
  const k = keysOf(order.projectId);
  return context.scripts.run(
    mayStartScript,
    {
      cmd: k.command(recordIdOf(order.commandId, phase)),
      lock: k.lock(order.serverId),
      epoch: k.epoch,
    },
    { ...claimArgument(claim), id: order.commandId, token },
  );
}
