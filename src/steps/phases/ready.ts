import {
  afterReadyAnswer,
  afterReadyLook,
  askedNoMore,
} from "../../core/decisions/decide-ready.ts";
import type { Look } from "../../core/server/observations.ts";
import { momentsOf } from "../moment.ts";
import { conclude, type PhaseStep, type StepDeps, withCalls } from "../step.ts";

/** `ready`: one look for the server's address, and then one short ask at each turn, until it answers (brakes.md §8). */
export function createReady(deps: StepDeps): PhaseStep<"ready"> {
  const { readiness, reach } = deps;
  const moment = momentsOf(deps);
  return async (envelope, claimed, _arrival, signal) => {
    const { order, state } = envelope;
    const { projectId, serverId } = order;
    // Asking was switched off meanwhile; or who has the lock now may be reinstalling the server.
    if (readiness === undefined || claimed.lock !== "held") {
      return conclude(claimed, envelope, askedNoMore(state));
    }
    let { address } = state;
    if (address === undefined) {
      const wished = { class: 3, calls: 1 } as const;
      const reserved = await withCalls(deps.cloud, projectId, wished, signal);
      const look: Look =
        reserved.kind === "reserved"
          ? await reserved.cloud.look(projectId, serverId, signal)
          : { ...reserved, kind: "unreadable" };
      await reach("ready:looked");
      const found = afterReadyLook(state, look, moment());
      if (found.kind !== "ask") return conclude(claimed, envelope, found);
      address = found.address;
    }
    const answer = await readiness.ask(address, signal);
    await reach("ready:asked");
    return conclude(claimed, envelope, afterReadyAnswer({ ...state, address }, answer, moment()));
  };
}
