import { afterPoll } from "../core/decide-watch.ts";
import { momentsOf } from "./moment.ts";
import { conclude, type PhaseStep, type StepDeps } from "./step.ts";

/** `watch`: ask once how the job is; when it says SUCCESS, ask the server too. */
export function createWatch(deps: StepDeps): PhaseStep<"watch"> {
  const { cloud, reach } = deps;
  const moment = momentsOf(deps);
  return async (envelope, claimed, _arrival, signal) => {
    const { order, state } = envelope;
    const job = await cloud.job(order.projectId, order.serverId, state.jobId, signal);
    await reach("watch:polled");
    const look =
      job.kind === "succeeded" ? await cloud.look(order.projectId, order.serverId, signal) : null;
    await reach("watch:looked");
    return conclude(claimed, envelope, afterPoll(state, { job, look }, moment()));
  };
}
