import { afterLeaderLook } from "../core/decide-joined.ts";
import { conclude, notNow, type PhaseStep, type StepDeps } from "./step.ts";

/** `joined`: has the leading command its outcome? */
export function createJoin({ store, clock, rules }: StepDeps): PhaseStep<"joined"> {
  return async (envelope, claimed) => {
    const { order, state } = envelope;
    const leader = await store.outcomeOf(order.projectId, state.leader);
    if (leader.kind === "away") return notNow(leader, rules);
    const decision = afterLeaderLook(
      order,
      state,
      leader.kind === "finished"
        ? { kind: "finished", event: leader.outcome.event }
        : { kind: leader.kind === "corrupt" ? "unheard-of" : leader.kind },
      claimed.claim.rebuildingUntilMs !== null,
      claimed.cancelRequested,
      clock.nowMs(),
      rules,
      clock.random(),
    );
    return conclude(claimed, envelope, decision);
  };
}
