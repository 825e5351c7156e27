import { z } from "zod";
import type { Order } from "../../../core/order.ts";
import type { ReinstallStore } from "../../../steps/ports/reinstall-store.ts";
import type { StepClaim } from "../../../steps/ports/step-claim.ts";
import { keysOf } from "../keys.ts";
import { Fenced, Forgotten } from "./claim-lost.ts";
import { LockReply } from "./lock-answer.ts";
import { WantArgument, wantArgument } from "./want-argument.ts";
import { GATE_KEYS, GateArgument, gateArgument, gateKeys } from "./gate-argument.ts";
import { script } from "./script.ts";
import {
  ClaimArgument,
  claimArgument,
  EpochArgument,
  epochArgument,
  type StoreContext,
} from "./store-context.ts";

/** @internal */
export const acquireScript = script({
  name: "acquire",
  keys: ["cmd", "lock", "token", "epoch", "last", ...GATE_KEYS],
  argument: EpochArgument.extend({
    ...ClaimArgument.shape,
    ...GateArgument.shape,
    ...WantArgument.shape,
  }),
  answer: z.union([LockReply, Fenced, Forgotten]),
});

/** `acquire` of the store. */
export function acquire(
  context: StoreContext,
  order: Order,
  claim: StepClaim,
  mayHaveRun: boolean,
): ReturnType<ReinstallStore["acquire"]> {
  const k = keysOf(order.projectId);
  return context.scripts.run(
    acquireScript,
    {
      cmd: k.command(order.commandId),
      lock: k.lock(order.serverId),
      token: k.token,
      epoch: k.epoch,
      last: k.last(order.serverId),
      ...gateKeys(k, order),
    },
    {
      ...epochArgument(context),
      ...claimArgument(claim),
      ...gateArgument(context, order),
      ...wantArgument(order, mayHaveRun),
    },
  );
}
