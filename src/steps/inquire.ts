import { afterInquiryLook, afterInquiryStart } from "../core/decide-inquiry.ts";
import { momentsOf } from "./moment.ts";
import { conclude, notNow, type PhaseStep, type StepDeps, type StepResult } from "./step.ts";

/** `inquiry`: a command ended `unresolved`; look further, until the cloud proves what happened (contract §3). */
export function createInquire(deps: StepDeps): PhaseStep<"inquiry"> {
  const { cloud, evidence, reach } = deps;
  const moment = momentsOf(deps);
  const start = createStart(deps);
  return async (envelope, claimed, _arrival, signal) => {
    const { order, state } = envelope;
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
    const turn = afterInquiryLook(order, state, { job, look, trust }, moment());
    switch (turn.kind) {
      case "settled":
        return { kind: "settled", settlement: turn.settlement, token: envelope.token };
      case "start":
        return await start(envelope, claimed, signal);
      case "look-again":
        return conclude(claimed, envelope, turn.decision);
      case "given-up":
        return { kind: "inquiry-over", why: "given-up" };
    }
  };
}

/** The server that was stopped in vain is started, by who has its lock. */
function createStart(deps: StepDeps) {
  const { cloud, store, clock, rules, reach } = deps;
  const moment = momentsOf(deps);
  return async (
    envelope: Inquiring,
    claimed: Parameters<PhaseStep<"inquiry">>[1],
    signal: AbortSignal,
  ): Promise<StepResult> => {
    const { order, state, token } = envelope;
    const askedAt = clock.monotonicMs();
    if (token === null) return { kind: "inquiry-over", why: "lock-gone" };
    const allowed = await store.mayStart(order, claimed.claim, { token, phase: "inquiry" });
    if (allowed.kind !== "go") return notNow(allowed, rules);
    // Asleep since: the lock may be another command's by now.
    if (clock.monotonicMs() - askedAt > rules.signatureMaxAgeMs) return { kind: "again" };
    const outcome = await cloud.start(order.projectId, order.serverId, signal);
    await reach("inquiry:start-asked");
    return conclude(claimed, envelope, afterInquiryStart(state, outcome, moment()));
  };
}

type Inquiring = Parameters<PhaseStep<"inquiry">>[0];
