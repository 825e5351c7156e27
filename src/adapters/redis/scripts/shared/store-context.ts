import { z } from "zod";
import type { Clock } from "../../../../steps/ports/clock.ts";
import type { StepClaim } from "../../../../steps/ports/step-claim.ts";
import type { ScriptRunner } from "../../script-runner.ts";
import type { StoreRules } from "../../store-rules.ts";

/** What the scripts of the reinstall store are run with. */
export interface StoreContext {
  readonly scripts: Pick<ScriptRunner, "run">;
  /** For what a failover must not lose. */
  readonly replicated: Pick<ScriptRunner, "run">;
  readonly rules: StoreRules;
  readonly clock: Pick<Clock, "nonce" | "nowMs">;
}

/** What `ensure_epoch` (prelude.lua) needs: id of the next epoch, should one begin now, and how long it holds back locks. */
export const EpochArgument = z.object({ candidate: z.string(), holdMs: z.number() });

/** {@link EpochArgument} of one call. */
export function epochArgument({ clock, rules }: StoreContext): z.infer<typeof EpochArgument> {
  return { candidate: clock.nonce(), holdMs: rules.rebuildHoldMs };
}

/** What a script needs that runs within a claimed step: the claim as the record has it, and the epoch it was made in. */
export const ClaimArgument = z.object({ claim: z.string(), claimEpoch: z.string() });

/** {@link ClaimArgument} of one claim. */
export function claimArgument({ step, nonce, epoch }: StepClaim): z.infer<typeof ClaimArgument> {
  return { claim: `${step}:${nonce}`, claimEpoch: epoch };
}
