import { z } from "zod";
import { BrakeRules } from "../../../../core/brakes/brake-rules.ts";
import { recordIdOf } from "../../../../core/state/envelope.ts";
import { isInWork } from "../../../../core/waiting/line.ts";
import { stepNote } from "../../../../core/state/step-note.ts";
import type { SaveAnswer, StepSave } from "../../../../steps/ports/step-record.ts";
import { keysOf } from "../../keys.ts";
import { Fenced, Forgotten } from "../shared/claim-lost.ts";
import { LINE_KEYS, lineKeys, PlaceArgument, placeArgument } from "../shared/line-argument.ts";
import { script } from "../script.ts";
import { ClaimArgument, claimArgument, type StoreContext } from "../shared/store-context.ts";

/** @internal */
export const saveScript = script({
  lua: new URL("./save.lua", import.meta.url),
  keys: ["cmd", "lock", "active", "epoch", "history", "storm", "pauses", "debt", ...LINE_KEYS],
  argument: ClaimArgument.extend({
    id: z.string(),
    step: z.int(),
    phase: z.string(),
    attempt: z.int(),
    nextSequence: z.int(),
    /** JSON, as it is stored. */
    outbox: z.string(),
    /** JSON, as it is stored. */
    resume: z.string(),
    clearIntent: z.boolean(),
    releaseLock: z.boolean(),
    releaseSlot: z.boolean(),
    jobId: z.string().nullable(),
    /** Where it stands; null: nowhere, and it never did. */
    place: PlaceArgument.nullable(),
    group: z.string().nullable(),
    /** It starts nothing now: it waits, or has joined another. */
    waits: z.boolean(),
    /** The note of the step (`stepNote`), as it is stored; it is kept where the step publishes something or changes the phase. */
    note: z.string(),
    /** It publishes events. */
    publishes: z.boolean(),
    rules: BrakeRules,
    /** What another command owed the server and this step has taken over, as it is stored; null: nothing. */
    paid: z.string().nullable(),
  }),
  answer: z.discriminatedUnion("kind", [z.object({ kind: z.literal("saved") }), Fenced, Forgotten]),
});

/** `save` of the store. */
export function save(context: StoreContext, step: StepSave): Promise<SaveAnswer> {
  const { order, claim, state, outbox } = step;
  const k = keysOf(order.projectId);
  const id = recordIdOf(order.commandId, state.phase);
  const attempt = "tries" in state ? state.tries.attempt : 1;
  return context.scripts.run(
    saveScript,
    {
      cmd: k.command(id),
      lock: k.lock(order.serverId),
      active: k.active,
      epoch: k.epoch,
      history: k.history(order.serverId),
      storm: k.storm,
      pauses: k.pauses,
      debt: k.debt(order.serverId),
      ...lineKeys(k, order),
    },
    {
      ...claimArgument(claim),
      id,
      step: claim.step,
      phase: state.phase,
      attempt,
      nextSequence: step.nextSequence,
      outbox: JSON.stringify(outbox),
      resume: JSON.stringify(outbox.next?.envelope ?? null),
      clearIntent: step.intent === "clear",
      releaseLock: step.lock === "release",
      releaseSlot: !isInWork(state) && state.phase !== "inquiry",
      jobId: state.phase === "watch" ? state.jobId : null,
      place: placeArgument(step),
      group: order.group ?? null,
      waits: state.phase === "waiting" || state.phase === "joined",
      note: stepNote(
        { step: claim.step, atMs: claim.atMs, phase: state.phase, attempt },
        outbox.events,
      ),
      publishes: outbox.events.length > 0,
      rules: context.rules.brakes,
      paid: claim.debt ?? null,
    },
  );
}
