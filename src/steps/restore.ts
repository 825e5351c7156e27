import { afterRestoreLook, afterStart, givenUp } from "../core/decide-restore.ts";
import { next } from "../core/decision.ts";
import type { JobLook } from "../core/observations.ts";
import { momentsOf } from "./moment.ts";
import { conclude, notNow, type PhaseStep, type StepDeps } from "./step.ts";

/** `restore`: start the server before the command ends, or goes back to its place in line (brakes.md §8). */
export function createRestore(deps: StepDeps): PhaseStep<"restore"> {
  const { cloud, store, clock, rules, reach } = deps;
  const moment = momentsOf(deps);
  return async (envelope, claimed, _arrival, signal) => {
    const { order, state } = envelope;
    const { projectId, serverId } = order;
    const claimedAt = clock.monotonicMs();
    if (claimed.lock !== "held" || envelope.token === null) {
      // Who has it may reinstall the server: only the lock's owner starts it.
      return conclude(
        claimed,
        envelope,
        givenUp(state, "another command has the server", moment()),
      );
    }
    // Other locks may still come back, and with one of them the right to start this server.
    if (claimed.claim.rebuildingUntilMs !== null) {
      return conclude(claimed, envelope, next(state, rules.ladderMs.at(-1) ?? 0));
    }
    const look = await cloud.look(projectId, serverId, signal);
    await reach("restore:looked");
    const askJob = async (
      jobId: (typeof state.start & object)["jobId"],
    ): Promise<JobLook | null> =>
      jobId === undefined ? null : await cloud.job(projectId, serverId, jobId, signal);
    const startJob = await askJob(state.start?.jobId);
    const first = afterRestoreLook(state, { look, stopJob: null, startJob }, moment());
    const turn =
      first.kind === "ask-stop-job"
        ? afterRestoreLook(
            state,
            { look, stopJob: await askJob(state.power.stop?.jobId), startJob },
            moment(),
          )
        : first;
    if (turn.kind === "ask-stop-job") throw new Error("the job of the last stop was not asked");
    if (turn.kind !== "start") return conclude(claimed, envelope, turn);
    const allowed = await store.mayStart(order, claimed.claim, {
      token: envelope.token,
      phase: state.phase,
    });
    if (allowed.kind !== "go") return notNow(allowed, rules);
    await reach("restore:may-start");
    // Asleep since: the lock may be another command's by now.
    if (clock.monotonicMs() - claimedAt > rules.signatureMaxAgeMs) return { kind: "again" };
    const outcome = await cloud.start(projectId, serverId, signal);
    await reach("restore:start-asked");
    return conclude(claimed, envelope, afterStart(state, outcome, moment()));
  };
}
