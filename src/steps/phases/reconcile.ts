import { afterReconcileLook } from "../../core/decisions/decide-reconcile.ts";
import { momentsOf } from "../moment.ts";
import { conclude, type PhaseStep, type StepDeps } from "../step.ts";

/** `reconcile`: nobody answered the POST; look at the server for proof. */
export function createReconcile(deps: StepDeps): PhaseStep<"reconcile"> {
  const { cloud, evidence, reach } = deps;
  const moment = momentsOf(deps);
  return async (envelope, claimed, _arrival, signal) => {
    const { order, state } = envelope;
    const look = await cloud.look(order.projectId, order.serverId, signal);
    await reach("reconcile:looked");
    // A next attempt waits until the store's memory is old enough to give locks again: until then nothing is proof.
    const trust =
      claimed.claim.rebuildingUntilMs === null
        ? await evidence.trust(state.before?.volumeType ?? null)
        : "untested";
    const seen = { look, trust, lock: claimed.lock };
    return conclude(claimed, envelope, afterReconcileLook(order, state, seen, moment()));
  };
}
