import { afterInquiryLook, afterInquiryStart } from "../../core/decisions/decide-inquiry.ts";
import { askForStart } from "../ask-for-start.ts";
import { momentsOf } from "../moment.ts";
import { conclude, type PhaseStep, type StepDeps } from "../step.ts";

/** `inquiry`: a command ended `unresolved`; look further, until the cloud proves what happened (contract §3). */
export function createInquire(deps: StepDeps): PhaseStep<"inquiry"> {
  const { cloud, evidence, clock, reach } = deps;
  const moment = momentsOf(deps);
  return async (envelope, claimed, _arrival, signal) => {
    const { order } = envelope;
    const word = envelope.state.word ?? claimed.word;
    const state = word === undefined ? envelope.state : { ...envelope.state, word };
    const { projectId, serverId } = order;
    // A person has freed the server, or another command has gone on: nothing is left to find out.
    if (claimed.lock !== "held") return { kind: "inquiry-over", why: "lock-gone" };
    const jobId = state.accepted?.jobId;
    const job = jobId === undefined ? null : await cloud.job(projectId, serverId, jobId, signal);
    const look = await cloud.look(projectId, serverId, signal);
    await reach("inquiry:looked");
    // While the store's memory is young nothing is proof: other locks may still come back.
    const young = claimed.claim.rebuildingUntilMs !== null;
    const trust = young ? "untested" : await evidence.trust(state.before?.volumeType ?? null);
    const turn = afterInquiryLook(order, state, { job, look, trust, young }, moment());
    switch (turn.kind) {
      case "settled":
        return { kind: "settled", settlement: turn.settlement, token: envelope.token };
      case "start": {
        const { token } = envelope;
        if (token === null) return { kind: "inquiry-over", why: "lock-gone" };
        const sinceMs = clock.monotonicMs();
        const asked = await askForStart(deps, { envelope, claimed, token, sinceMs }, signal);
        return asked.kind === "asked"
          ? conclude(claimed, envelope, afterInquiryStart(state, asked.outcome, moment()))
          : asked.result;
      }
      case "look-again":
        return conclude(claimed, envelope, turn.decision);
      case "given-up":
        return { kind: "inquiry-over", why: "given-up" };
    }
  };
}
