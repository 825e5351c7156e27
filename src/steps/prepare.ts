import { inDoubt, waitFor } from "../core/decide-admission.ts";
import { afterPrepareLook, afterStop } from "../core/decide-prepare.ts";
import { next } from "../core/decision.ts";
import { conclude, type PhaseStep, type StepDeps } from "./step.ts";

/** `prepare`: bring a running server to a stop. */
export function createPrepare(deps: StepDeps): PhaseStep<"prepare"> {
  const { cloud, clock, rules, reach } = deps;
  return async (envelope, claimed, _arrival, signal) => {
    const { order, state } = envelope;
    const doubt = claimed.foreignEpoch && claimed.restored === "absent";
    const candidate = { order, body: state.body, tries: state.tries, waiting: null, doubt };
    if (claimed.lock !== "held") {
      // The server was given to another command while the store had no memory of this one.
      const decision = waitFor(
        candidate,
        "store-rebuilding",
        clock.nowMs(),
        rules,
        clock.random(),
        { before: state.before },
      );
      return conclude(claimed, envelope, decision);
    }
    if (doubt) {
      const waiting = { waitsFor: "store-rebuilding", sinceMs: clock.nowMs() } as const;
      const known = { phase: "waiting", ...waiting, body: state.body, tries: state.tries } as const;
      const decision = inDoubt(
        { ...candidate, waiting: { ...known, before: state.before } },
        clock.nowMs(),
        rules,
      );
      return conclude(claimed, envelope, decision);
    }
    if (claimed.claim.rebuildingUntilMs !== null) {
      return conclude(claimed, envelope, next(state, rules.ladderMs.at(-1) ?? 0));
    }
    const look = await cloud.look(order.projectId, order.serverId, signal);
    await reach("prepare:looked");
    const preparation = afterPrepareLook(
      order,
      state,
      look,
      clock.nowMs(),
      rules,
      clock.random(),
      claimed.cancelRequested,
    );
    if (preparation.kind !== "stop") return conclude(claimed, envelope, preparation);
    const outcome = await cloud.stop(order.projectId, order.serverId, preparation.type, signal);
    await reach("prepare:stop-asked");
    return conclude(
      claimed,
      envelope,
      afterStop(state, preparation.type, outcome, clock.nowMs(), rules),
    );
  };
}
