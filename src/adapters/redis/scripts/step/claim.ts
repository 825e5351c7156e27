import { z } from "zod";
import { DiskId, JobId } from "../../../../contract/ids.ts";
import {
  type Envelope,
  recordIdOf,
  SEQUENCE_BLOCK,
  storedEnvelope,
} from "../../../../core/state/envelope.ts";
import { type ClaimAnswer, SWEEPER } from "../../../../steps/ports/step-claim.ts";
import { keysOf } from "../../keys.ts";
import { debtFrom, takesDebt } from "../../../../core/state/debt.ts";
import { Word } from "../../../../core/state/state.ts";
import { storedJson } from "../../stored/stored-json.ts";
import { PHASES } from "../../../../core/state/phases.ts";
import { Fenced } from "../shared/claim-lost.ts";
import { Finished, SavedBefore } from "../shared/earlier-run.ts";
import {
  ComeBackArgument,
  comeBackArgument,
  LINE_KEYS,
  lineKeys,
} from "../shared/line-argument.ts";
import { Rebuilding } from "../shared/lock-answer.ts";
import { script } from "../script.ts";
import { EpochArgument, epochArgument, type StoreContext } from "../shared/store-context.ts";

const Stale = z.object({ kind: z.literal("stale") });

/** What `claim.lua` is asked with, whether a delivery claims its step or its message only waits on. */
export const claimShape = {
  lua: new URL("./claim.lua", import.meta.url),
  keys: ["cmd", "lock", "token", "active", "epoch", "debt", ...LINE_KEYS] as const,
  argument: EpochArgument.extend({
    /** Of the record. */
    id: z.string(),
    /** Whose lock it is: the command. */
    owner: z.string(),
    /** What another command owes the server is taken over (core/state/debt.ts). */
    takesDebt: z.boolean(),
    /** An inquiry: a lock that is gone stays so. */
    inquiry: z.boolean(),
    /** The delivery's own; empty for a hop, which claims nothing. */
    nonce: z.string(),
    redelivered: z.boolean(),
    /** The message only waits on. */
    hop: z.boolean(),
    /** While the memory is young, it waits for a later message of its command (core/state/phases.ts). */
    yields: z.boolean(),
    step: z.int(),
    messageEpoch: z.string(),
    messageToken: z.int().nullable(),
    block: z.int(),
    content: z.string(),
    wish: z.string(),
    server: z.string(),
    phase: z.string(),
    attempt: z.int(),
    sequence: z.int(),
    /** JSON, as it is stored. */
    order: z.string(),
    /** JSON, as it is stored. */
    resume: z.string(),
    /** Epoch ms. */
    unseenUntil: z.number().nullable(),
    ...ComeBackArgument.shape,
  }),
};

/** @internal */
export const claimScript = script({
  ...claimShape,
  answer: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("claimed"),
      nonce: z.string(),
      step: z.int(),
      sequence: z.int(),
      epoch: z.string(),
      atMs: z.number(),
      arrivedMs: z.number(),
      waitingCommands: z.int(),
      slot: z.boolean(),
      rebuildingUntilMs: z.number().nullable(),
      attempt: z.object({
        attempt: z.int(),
        intent: z
          .object({ attempt: z.int(), signedAtMs: z.number().nullable(), diskId: DiskId })
          .nullable(),
        jobId: JobId.nullable(),
      }),
      /** As it is stored. */
      debt: z.string().nullable(),
      /** As it is stored. */
      word: z.string().nullable(),
      takenOver: z.boolean(),
      restored: z.enum(["no", "behind", "absent"]),
      foreignEpoch: z.boolean(),
      unseen: z.boolean(),
      lock: z.enum(["held", "lost", "none"]),
      cancelRequest: z.object({ by: z.string().nullable(), why: z.string().nullable() }).nullable(),
    }),
    SavedBefore,
    Finished,
    Stale,
    Fenced,
    Rebuilding,
    z.object({ kind: z.literal("id-taken") }),
  ]),
});

/** How a message is brought to `claim.lua`. */
export interface Claiming {
  readonly nonce: string;
  readonly redelivered: boolean;
  readonly hop: boolean;
}

/** Keys of one call. */
export function claimKeys({ order, state }: Envelope) {
  const k = keysOf(order.projectId);
  return {
    cmd: k.command(recordIdOf(order.commandId, state.phase)),
    lock: k.lock(order.serverId),
    token: k.token,
    active: k.active,
    epoch: k.epoch,
    debt: k.debt(order.serverId),
    ...lineKeys(k, order),
  };
}

/** Argument of one call. */
export function claimOf(
  context: StoreContext,
  envelope: Envelope,
  claiming: Claiming,
): z.infer<typeof claimShape.argument> {
  const { order, state } = envelope;
  return {
    ...epochArgument(context),
    id: recordIdOf(order.commandId, state.phase),
    owner: order.commandId,
    takesDebt: takesDebt(state.phase),
    inquiry: state.phase === "inquiry",
    nonce: claiming.nonce,
    redelivered: claiming.redelivered || envelope.revived > 0,
    hop: claiming.hop,
    // Behind a sweeper's claim there is no message that could come back.
    yields: PHASES[state.phase].yieldsAfterLoss && !claiming.nonce.startsWith(SWEEPER),
    step: envelope.step,
    messageEpoch: envelope.epoch,
    messageToken: envelope.token,
    block: SEQUENCE_BLOCK,
    content: order.contentHash,
    wish: order.wishHash,
    server: order.serverId,
    phase: state.phase,
    attempt: "tries" in state ? state.tries.attempt : 1,
    sequence: envelope.sequence,
    order: JSON.stringify(order),
    resume: JSON.stringify(storedEnvelope(envelope)),
    unseenUntil: envelope.unseenUntilMs ?? null,
    ...comeBackArgument(envelope),
  };
}

/** `claim` of the store. */
export async function claim(
  context: StoreContext,
  envelope: Envelope,
  delivery: { readonly nonce: string; readonly redelivered: boolean },
): Promise<ClaimAnswer> {
  const asked = claimOf(context, envelope, { ...delivery, hop: false });
  const answer = await context.scripts.run(claimScript, claimKeys(envelope), asked);
  if (answer.kind !== "claimed") return answer;
  const { kind, attempt, takenOver, restored, foreignEpoch, unseen, lock, ...more } = answer;
  const { cancelRequest, debt: text, word: said, ...claimOfStep } = more;
  const word = said === null ? undefined : storedJson(Word).safeParse(said).data;
  const debt = text === null ? undefined : debtFrom(text);
  return {
    kind,
    claim: { ...claimOfStep, ...(debt !== undefined && text !== null && { debt: text }) },
    ...(debt !== undefined && { debt }),
    ...(word !== undefined && { word }),
    attempt,
    takenOver,
    restored,
    foreignEpoch,
    unseen,
    lock,
    cancelRequest,
  };
}
