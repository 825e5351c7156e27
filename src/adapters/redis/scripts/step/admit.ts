import { z } from "zod";
import { SEQUENCE_BLOCK } from "../../../../core/state/envelope.ts";
import { BrakeVerdict } from "../../../../core/brakes/hold.ts";
import type { Order } from "../../../../core/state/order.ts";
import type { AdmitAnswer, CommandDelivery } from "../../../../steps/ports/admission.ts";
import { keysOf } from "../../keys.ts";
import { Fenced } from "../shared/claim-lost.ts";
import { Finished, IdReused, RefusalUnconfirmed, SavedBefore } from "../shared/earlier-run.ts";
import { LockReply, Rebuilding } from "../shared/lock-answer.ts";
import { GATE_KEYS, GateArgument, gateArgument, gateKeys } from "../shared/gate-argument.ts";
import { script } from "../script.ts";
import { WantArgument, wantArgument } from "../shared/want-argument.ts";
import { EpochArgument, epochArgument, type StoreContext } from "../shared/store-context.ts";

const View = z.object({
  phase: z.string(),
  sequence: z.int(),
  updatedAtMs: z.number(),
  outcome: z.string().nullable(),
  jobId: z.string().nullable(),
});

/** @internal */
export const admitScript = script({
  lua: new URL("./admit.lua", import.meta.url),
  keys: ["cmd", "lock", "token", "active", "epoch", "last", ...GATE_KEYS],
  argument: EpochArgument.extend({
    nonce: z.string(),
    redelivered: z.boolean(),
    content: z.string(),
    contentAsSent: z.string().nullable(),
    server: z.string(),
    block: z.int(),
    dryRun: z.boolean(),
    /** JSON, as it is stored. */
    order: z.string(),
    mayHaveRun: z.boolean(),
    /** When it was sent, as far as that can be known, epoch ms. */
    arrivedAt: z.number(),
    /** Epoch ms. */
    unseenUntil: z.number().nullable(),
    ...WantArgument.shape,
    ...GateArgument.shape,
  }),
  answer: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("claimed"),
      nonce: z.string(),
      step: z.literal(0),
      sequence: z.int(),
      epoch: z.string(),
      atMs: z.number(),
      arrivedMs: z.number(),
      waitingCommands: z.int(),
      slot: z.boolean(),
      lock: LockReply,
      verdicts: z.array(BrakeVerdict).nullable(),
      mayHaveRun: z.boolean(),
    }),
    SavedBefore,
    Finished.extend({ duplicate: View.nullable() }),
    z.object({ kind: z.literal("handed-over") }),
    Fenced,
    z.object({ kind: z.literal("duplicate"), view: View }),
    IdReused,
    RefusalUnconfirmed,
    Rebuilding.extend({ mayHaveRun: z.boolean() }),
  ]),
});

/** `admit` of the store. */
export async function admit(
  context: StoreContext,
  order: Order,
  delivery: CommandDelivery,
): Promise<AdmitAnswer> {
  const k = keysOf(order.projectId);
  const answer = await context.scripts.run(
    admitScript,
    {
      cmd: k.command(order.commandId),
      lock: k.lock(order.serverId),
      token: k.token,
      active: k.active,
      epoch: k.epoch,
      last: k.last(order.serverId),
      ...gateKeys(k, order),
    },
    {
      ...epochArgument(context),
      ask: { ...gateArgument(context, order).ask, askedAt: delivery.arrivedAtMs },
      // The script may know more of that than the delivery says.
      ...wantArgument(order, false),
      nonce: delivery.nonce,
      redelivered: delivery.redelivered,
      content: order.contentHash,
      contentAsSent: delivery.contentAsSent ?? null,
      server: order.serverId,
      block: SEQUENCE_BLOCK,
      dryRun: order.dryRun,
      order: JSON.stringify(order),
      mayHaveRun: delivery.mayHaveRun,
      arrivedAt: delivery.arrivedAtMs,
      unseenUntil: delivery.unseenUntilMs,
    },
  );
  if (answer.kind !== "claimed") return answer;
  const { lock, verdicts, mayHaveRun, kind, ...claim } = answer;
  return { kind, lock, verdicts, mayHaveRun, claim: { ...claim, rebuildingUntilMs: null } };
}
