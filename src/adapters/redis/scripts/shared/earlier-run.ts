import { z } from "zod";
import { storedJson } from "../../stored/stored-json.ts";
import { Outbox, StoredOutcome } from "../../stored/stored-outcome.ts";

/** The step was saved by an earlier delivery; this is what followed from it. */
export const SavedBefore = z.object({ kind: z.literal("saved"), outbox: storedJson(Outbox) });

/** The command has its outcome. `published`: the broker has confirmed its final event. */
export const Finished = z.object({
  kind: z.literal("finished"),
  outcome: storedJson(StoredOutcome),
  published: z.boolean(),
});

/** A message was refused under this id, and its event is not confirmed yet. */
export const RefusalUnconfirmed = z.object({ kind: z.literal("refusal-unconfirmed") });

/** Another content has this id, since then (epoch ms). */
export const IdReused = z.object({ kind: z.literal("id-reused"), sinceMs: z.number() });
