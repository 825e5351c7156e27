import { z } from "zod";
import { BrakeRules } from "../../../core/brake-rules.ts";
import { recordIdOf } from "../../../core/envelope.ts";
import { PHASES } from "../../../core/phases.ts";
import type { SaveAnswer, StepSave } from "../../../steps/ports/step-record.ts";
import { keysOf } from "../keys.ts";
import { Fenced, Forgotten } from "./claim-lost.ts";
import { script } from "./script.ts";
import { ClaimArgument, claimArgument, type StoreContext } from "./store-context.ts";

/** @internal */
export const saveScript = script({
  name: "save",
  keys: ["cmd", "lock", "active", "waiters", "epoch", "history", "storm", "pauses"],
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
    jobId: z.string().nullable(),
    /** It waits for its server. */
    waits: z.boolean(),
    rules: BrakeRules,
  }),
  answer: z.discriminatedUnion("kind", [z.object({ kind: z.literal("saved") }), Fenced, Forgotten]),
});

/** `save` of the store. */
export function save(context: StoreContext, step: StepSave): Promise<SaveAnswer> {
  const { order, claim, state, outbox } = step;
  const k = keysOf(order.projectId);
  const id = recordIdOf(order.commandId, state.phase);
  return context.scripts.run(
    saveScript,
    {
      cmd: k.command(id),
      lock: k.lock(order.serverId),
      active: k.active,
      waiters: k.waiters(order.serverId),
      epoch: k.epoch,
      history: k.history(order.serverId),
      storm: k.storm,
      pauses: k.pauses,
    },
    {
      ...claimArgument(claim),
      id,
      step: claim.step,
      phase: state.phase,
      attempt: "tries" in state ? state.tries.attempt : 1,
      nextSequence: step.nextSequence,
      outbox: JSON.stringify(outbox),
      resume: JSON.stringify(outbox.next?.envelope ?? null),
      clearIntent: step.intent === "clear",
      releaseLock: step.lock === "release",
      jobId: state.phase === "watch" ? state.jobId : null,
      rules: context.rules.brakes,
      waits: PHASES[state.phase].waits,
    },
  );
}
