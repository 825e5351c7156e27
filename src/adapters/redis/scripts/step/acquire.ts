import { z } from "zod";
import type { Order } from "../../../../core/state/order.ts";
import type { ReinstallStore } from "../../../../steps/ports/reinstall-store.ts";
import type { StepClaim } from "../../../../steps/ports/step-claim.ts";
import { keysOf } from "../../keys.ts";
import { Fenced, Forgotten } from "../shared/claim-lost.ts";
import { LockReply } from "../shared/lock-answer.ts";
import { WantArgument, wantArgument } from "../shared/want-argument.ts";
import { GATE_KEYS, GateArgument, gateArgument, gateKeys } from "../shared/gate-argument.ts";
import { script } from "../script.ts";
import {
  ClaimArgument,
  claimArgument,
  EpochArgument,
  epochArgument,
  type StoreContext,
} from "../shared/store-context.ts";

/** Keys and argument of a script that asks for lock and slot within a claimed step. */
export const acquireShape = {
  keys: ["cmd", "lock", "token", "epoch", "last", ...GATE_KEYS] as const,
};

/** Argument of {@link acquireShape}. */
export const AcquireArgument = EpochArgument.extend({
  ...ClaimArgument.shape,
  ...GateArgument.shape,
  ...WantArgument.shape,
});

/** @internal */
export const acquireScript = script({
  lua: new URL("./acquire.lua", import.meta.url),
  keys: acquireShape.keys,
  argument: AcquireArgument,
  answer: z.union([LockReply, Fenced, Forgotten]),
});

/** Keys of one call. */
export function acquireKeys(order: Order) {
  const k = keysOf(order.projectId);
  return {
    cmd: k.command(order.commandId),
    lock: k.lock(order.serverId),
    token: k.token,
    epoch: k.epoch,
    last: k.last(order.serverId),
    ...gateKeys(k, order),
  };
}

/** Argument of one call. */
export function acquireArgument(
  context: StoreContext,
  order: Order,
  claim: StepClaim,
  mayHaveRun: boolean,
): z.infer<typeof AcquireArgument> {
  return {
    ...epochArgument(context),
    ...claimArgument(claim),
    ...gateArgument(context, order),
    ...wantArgument(order, mayHaveRun),
  };
}

/** `acquire` of the store. */
export function acquire(
  context: StoreContext,
  order: Order,
  claim: StepClaim,
  mayHaveRun: boolean,
): ReturnType<ReinstallStore["acquire"]> {
  const argument = acquireArgument(context, order, claim, mayHaveRun);
  return context.scripts.run(acquireScript, acquireKeys(order), argument);
}
