import { z } from "zod";
import type { Order } from "../../../../core/state/order.ts";
import type { ReinstallStore } from "../../../../steps/ports/reinstall-store.ts";
import type { StepClaim } from "../../../../steps/ports/step-claim.ts";
import { keysOf } from "../../keys.ts";
import { Fenced, Forgotten } from "../shared/claim-lost.ts";
import { Held } from "../shared/lock-answer.ts";
import { GATE_KEYS, GateArgument, gateArgument, gateKeys } from "../shared/gate-argument.ts";
import { script } from "../script.ts";
import { ClaimArgument, claimArgument, type StoreContext } from "../shared/store-context.ts";

/** @internal */
export const mayStopScript = script({
  lua: new URL("./may-stop.lua", import.meta.url),
  keys: ["cmd", "epoch", ...GATE_KEYS],
  argument: ClaimArgument.extend(GateArgument.shape),
  answer: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("go") }),
    Held,
    Fenced,
    Forgotten,
  ]),
});

/** `mayStop` of the store. */
export function mayStop(
  context: StoreContext,
  order: Order,
  claim: StepClaim,
): ReturnType<ReinstallStore["mayStop"]> {
  const k = keysOf(order.projectId);
  return context.scripts.run(
    mayStopScript,
    { cmd: k.command(order.commandId), epoch: k.epoch, ...gateKeys(k, order) },
    { ...claimArgument(claim), ...gateArgument(context, order) },
  );
}
