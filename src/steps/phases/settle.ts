import { afterSettling } from "../../core/decisions/success.ts";
import { momentsOf } from "../moment.ts";
import { conclude, type PhaseStep, type StepDeps } from "../step.ts";

/** `settle`: the lock outlasts the success for a while (the vendor warns not to touch the server yet). */
export function createSettle(deps: StepDeps): PhaseStep<"settle"> {
  const moment = momentsOf(deps);
  return async (envelope, claimed) =>
    conclude(claimed, envelope, afterSettling(envelope.state, moment()));
}
