import { afterSettling } from "../core/success.ts";
import { conclude, type PhaseStep, type StepDeps } from "./step.ts";

/** `settle`: the lock outlasts the success for a while (the vendor warns not to touch the server yet). */
export function createSettle({ clock }: StepDeps): PhaseStep<"settle"> {
  return async (envelope, claimed) =>
    conclude(claimed, envelope, afterSettling(envelope.state, clock.nowMs()));
}
