import { afterLeaderLook, type Leader } from "../../core/decisions/decide-joined.ts";
import { momentsOf } from "../moment.ts";
import type { ReinstallStore } from "../ports/reinstall-store.ts";
import { conclude, copyMayHaveRun, notNow, type PhaseStep, type StepDeps } from "../step.ts";

/** `joined`: has the leading command its outcome? */
export function createJoin(deps: StepDeps): PhaseStep<"joined"> {
  const { store, rules } = deps;
  const moment = momentsOf(deps);
  return async (envelope, claimed) => {
    const { order, state } = envelope;
    const answer = await store.outcomeOf(order.projectId, state.leader, order.serverId);
    if (answer.kind === "away") return notNow(answer, rules);
    const decision = afterLeaderLook(
      order,
      state,
      {
        leader: leaderFrom(answer),
        rebuilding: claimed.claim.rebuildingUntilMs !== null,
        cancelRequest: claimed.cancelRequest,
        mayHaveRun: copyMayHaveRun(claimed),
      },
      moment(),
    );
    return conclude(claimed, envelope, decision);
  };
}

function leaderFrom(
  answer: Exclude<Awaited<ReturnType<ReinstallStore["outcomeOf"]>>, { kind: "away" }>,
): Leader {
  switch (answer.kind) {
    case "finished":
      return {
        kind: "finished",
        event: answer.outcome.event,
        holdsLock: answer.holdsLock,
        settled: answer.settled,
      };
    case "open":
    case "unheard-of":
      return answer;
    // Its message says so until a person has looked at the record: this one waits with it.
    case "corrupt":
      return { kind: "unreadable" };
  }
}
