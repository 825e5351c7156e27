import { afterPoll } from "../core/decide-watch.ts";
import { conclude, type PhaseStep, type StepDeps } from "./step.ts";

/** `watch`: ask once how the job is; when it says SUCCESS, ask the server too. */
export function createWatch({ cloud, clock, rules, reach }: StepDeps): PhaseStep<"watch"> {
  return async (envelope, claimed, _arrival, signal) => {
    const { order, state } = envelope;
    const job = await cloud.job(order.projectId, order.serverId, state.jobId, signal);
    await reach("watch:polled");
    const look =
      job.kind === "succeeded" ? await cloud.look(order.projectId, order.serverId, signal) : null;
    await reach("watch:looked");
    const decision = afterPoll(state, job, look, clock.nowMs(), rules, clock.random());
    return conclude(claimed, envelope, decision);
  };
}
