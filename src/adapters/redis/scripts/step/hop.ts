import { z } from "zod";
import type { Envelope } from "../../../../core/state/envelope.ts";
import type { HopAnswer } from "../../../../steps/ports/step-claim.ts";
import { claimKeys, claimOf, claimShape } from "./claim.ts";
import { Fenced } from "../shared/claim-lost.ts";
import { Finished, SavedBefore } from "../shared/earlier-run.ts";
import { script } from "../script.ts";
import type { StoreContext } from "../shared/store-context.ts";

/**
 * `claim.lua` for a message that only waits on.
 *
 * @internal
 */
export const hopScript = script({
  ...claimShape,
  answer: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("waits"),
      atMs: z.number(),
      mayHaveRun: z.boolean(),
      cancelled: z.boolean(),
    }),
    SavedBefore,
    Finished,
    z.object({ kind: z.literal("stale") }),
    Fenced,
    z.object({ kind: z.literal("id-taken") }),
  ]),
});

/** `hop` of the store. */
export function hop(
  context: StoreContext,
  envelope: Envelope,
  { redelivered }: { readonly redelivered: boolean },
): Promise<HopAnswer> {
  const asked = claimOf(context, envelope, { nonce: "", redelivered, hop: true });
  return context.scripts.run(hopScript, claimKeys(envelope), asked);
}
