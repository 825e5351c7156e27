import { z } from "zod";
import type { Order } from "../../../../core/state/order.ts";
import type { ReinstallStore } from "../../../../steps/ports/reinstall-store.ts";
import type { StepClaim } from "../../../../steps/ports/step-claim.ts";
import { keysOf } from "../../keys.ts";
import { Fenced, Forgotten } from "../shared/claim-lost.ts";
import { Held } from "../shared/lock-answer.ts";
import { GATE_KEYS, GateArgument, gateArgument, gateKeys } from "../shared/gate-argument.ts";
import { script } from "../script.ts";
import {
  ClaimArgument,
  claimArgument,
  EpochArgument,
  epochArgument,
  type StoreContext,
} from "../shared/store-context.ts";

/** @internal */
export const intentScript = script({
  lua: new URL("./intent.lua", import.meta.url),
  keys: ["cmd", "lock", "epoch", ...GATE_KEYS],
  argument: EpochArgument.extend({
    ...ClaimArgument.shape,
    ...GateArgument.shape,
    id: z.string(),
    attempt: z.int(),
    token: z.int(),
    /** Epoch ms; null: authentication without expiry. */
    signedAt: z.number().nullable(),
    diskId: z.string(),
    /** What the server's history says of it. */
    entry: z.object({ source: z.string().optional(), reason: z.string().optional() }),
    commandPrefix: z.string(),
  }),
  answer: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("saved") }),
    Held,
    Fenced,
    Forgotten,
  ]),
});

type RecordIntent = ReinstallStore["recordIntent"];

/** `recordIntent` of the store. */
export async function recordIntent(
  context: StoreContext,
  order: Order,
  claim: StepClaim,
  intent: Parameters<RecordIntent>[2],
): ReturnType<RecordIntent> {
  const k = keysOf(order.projectId);
  const run = () =>
    context.replicated.run(
      intentScript,
      {
        cmd: k.command(order.commandId),
        lock: k.lock(order.serverId),
        epoch: k.epoch,
        ...gateKeys(k, order),
      },
      {
        ...epochArgument(context),
        ...claimArgument(claim),
        ...gateArgument(context, order),
        id: order.commandId,
        attempt: intent.attempt,
        token: intent.token,
        signedAt: intent.signedAtMs,
        diskId: intent.diskId,
        entry: { source: order.source, reason: order.reason },
        commandPrefix: k.commandPrefix,
      },
    );
  const answer = await run();
  // A lost reply is read back: the script says `saved` again only if what is recorded is ours.
  return answer.kind === "away" ? await run() : answer;
}
