import { cancelled, expired } from "../../core/endings.ts";
import { towardsProof } from "../../core/towards.ts";
import { waitFor } from "../../core/waiting/waiting.ts";
import { tooEarly } from "../../core/brakes/not-before.ts";
import { afterLock } from "../after-lock.ts";
import { momentsOf } from "../moment.ts";
import { conclude, copyMayHaveRun, notNow, type PhaseStep, type StepDeps } from "../step.ts";

/** `waiting`: admit again. */
export function createWait(deps: StepDeps): PhaseStep<"waiting"> {
  const { store, clock, rules } = deps;
  const moment = momentsOf(deps);
  return async (envelope, claimed, _arrival, signal) => {
    const { order, state } = envelope;
    // A record that had to be put back from an older message cannot say what became of this command since.
    const mayHaveRun = state.doubt === true || copyMayHaveRun(claimed);
    const { waitingCommands } = claimed.claim;
    const { body, tries } = state;
    const candidate = { order, body, tries, waiting: state, mayHaveRun, waitingCommands };
    // "Nothing was done" is said only where it is known.
    const { cancelRequest } = claimed;
    if (!mayHaveRun && cancelRequest !== null) {
      return conclude(claimed, envelope, cancelled(cancelRequest));
    }
    if (!mayHaveRun && clock.nowMs() >= order.expiresAtMs) {
      return conclude(claimed, envelope, expired(order, state));
    }
    const early = tooEarly(candidate, moment());
    if (early !== null) return conclude(claimed, envelope, early);
    if (claimed.claim.rebuildingUntilMs !== null) {
      return conclude(claimed, envelope, waitFor(candidate, "store-rebuilding", moment()));
    }
    const lock = await store.acquire(order, claimed.claim, mayHaveRun);
    switch (lock.kind) {
      case "fenced":
      case "forgotten":
      case "away":
      case "corrupt":
        return notNow(lock, rules);
      case "acquired": {
        const decision = mayHaveRun
          ? towardsProof(candidate, moment())
          : await afterLock(deps, { candidate, claim: claimed.claim, lock }, signal);
        if (decision.kind === "trouble") return notNow(decision.answer, rules);
        const withSlot = { ...claimed, claim: { ...claimed.claim, slot: true } };
        return conclude(withSlot, envelope, decision, lock.token);
      }
      default: {
        const decision = await afterLock(deps, { candidate, claim: claimed.claim, lock }, signal);
        if (decision.kind === "trouble") return notNow(decision.answer, rules);
        return conclude(claimed, envelope, decision);
      }
    }
  };
}
