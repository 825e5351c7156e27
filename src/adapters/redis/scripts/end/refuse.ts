import { z } from "zod";
import type { Refusal, RefuseAnswer } from "../../../../steps/ports/admission.ts";
import { keysOf } from "../../keys.ts";
import { storedJson } from "../../stored/stored-json.ts";
import { StoredOutcome } from "../../stored/stored-outcome.ts";
import { IdReused, RefusalUnconfirmed } from "../shared/earlier-run.ts";
import { Rebuilding } from "../shared/lock-answer.ts";
import { script } from "../script.ts";
import { EpochArgument, epochArgument, type StoreContext } from "../shared/store-context.ts";

/** @internal */
export const refuseScript = script({
  lua: new URL("./refuse.lua", import.meta.url),
  keys: ["cmd", "active", "epoch"],
  argument: EpochArgument.extend({
    id: z.string(),
    content: z.string(),
    outcome: z.string(),
    /** JSON, as it is stored. */
    final: z.string(),
    ttlMs: z.number(),
    sequence: z.int(),
    /** In the index of commands, for the sweeper; not what is refused for a project that is not ours. */
    swept: z.boolean(),
  }),
  answer: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("finished"),
      outcome: storedJson(StoredOutcome),
      first: z.boolean(),
    }),
    IdReused,
    RefusalUnconfirmed,
    z.object({ kind: z.literal("renumber"), sequence: z.int() }),
    Rebuilding,
  ]),
});

/** `refuse` of the store. */
export function refuse(context: StoreContext, refusal: Refusal): Promise<RefuseAnswer> {
  const { project, strayFrom, id, contentHash, outcome } = refusal;
  const k = keysOf(project);
  return context.scripts.run(
    refuseScript,
    {
      cmd: strayFrom === undefined ? k.command(id) : k.stray(strayFrom, id),
      active: k.active,
      epoch: k.epoch,
    },
    {
      ...epochArgument(context),
      id,
      content: contentHash,
      outcome: outcome.event.data.event,
      final: JSON.stringify(outcome),
      ttlMs: context.rules.dedupTtlMs,
      sequence: outcome.event.data.sequence,
      swept: strayFrom === undefined,
    },
  );
}
