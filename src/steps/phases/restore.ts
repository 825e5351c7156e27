import {
  afterRestoreLook,
  afterStart,
  givenUp,
  otherStartPerhaps,
  unpublishedStart,
} from "../../core/decisions/decide-restore.ts";
import { leftOffInLine } from "../../core/decisions/left-off-in-line.ts";
import { notStartedYet } from "../../core/decisions/not-started-yet.ts";
import { refusedStart } from "../../core/decisions/why-off.ts";
import { next } from "../../core/decision.ts";
import type { In } from "../../core/state/state.ts";
import type { JobLook, Look } from "../../core/server/observations.ts";
import { askForStart } from "../ask-for-start.ts";
import { momentsOf } from "../moment.ts";
import {
  conclude,
  copyMayHaveRun,
  isFirst,
  type PhaseStep,
  type StepDeps,
  publishingFirst,
  withCalls,
} from "../step.ts";

/** `restore`: start the server before the command ends, or goes back to its place in line (brakes.md §8). */
export function createRestore(deps: StepDeps): PhaseStep<"restore"> {
  const { clock, rules, reach } = deps;
  const moment = momentsOf(deps);
  return async (envelope, claimed, arrival, signal) => {
    const { order } = envelope;
    const first = isFirst({ envelope, claimed, arrival });
    const known = copyMayHaveRun(claimed) ? mayHaveGoneOn(envelope.state) : envelope.state;
    const state = first ? known : otherStartPerhaps(known, moment());
    const { projectId, serverId } = order;
    const claimedAt = clock.monotonicMs();
    if (claimed.lock !== "held" || envelope.token === null) {
      // Who has it may reinstall the server: only the lock's owner starts it.
      const why =
        claimed.lock === "lost"
          ? "another command has the server, and starts it when it may"
          : "the command waited, and had given its server back: only a command that has the server may start it";
      return conclude(claimed, envelope, givenUp(state, why, moment()));
    }
    // Other locks may still come back, and with one of them the right to start this server.
    if (claimed.claim.rebuildingUntilMs !== null) {
      return conclude(claimed, envelope, next(state, rules.ladderMs.at(-1) ?? 0));
    }
    // The look, and the start perhaps.
    const reserved = await withCalls(deps.cloud, projectId, { class: 2, calls: 2 }, signal);
    const look: Look =
      reserved.kind === "reserved"
        ? await reserved.cloud.look(projectId, serverId, signal)
        : { ...reserved, kind: "unreadable" };
    await reach("restore:looked");
    const askJob = async (
      jobId: (typeof state.start & object)["jobId"],
    ): Promise<JobLook | null> =>
      jobId === undefined || look.kind !== "seen"
        ? null
        : await deps.cloud.job(projectId, serverId, jobId, signal);
    const startJob = await askJob(state.start?.jobId);
    const before = afterRestoreLook(state, { look, stopJob: null, startJob }, moment());
    const asksStop = before.kind === "ask-stop-job";
    const stopJob = asksStop ? await askJob(state.power.stop?.jobId) : null;
    const turn = asksStop ? afterRestoreLook(state, { look, stopJob, startJob }, moment()) : before;
    if (turn.kind === "ask-stop-job") throw new Error("the job of the last stop was not asked");
    if (turn.kind !== "start") {
      const decision = notStartedYet(
        order,
        state,
        { turn: { look, stopJob }, decision: turn },
        moment(),
      );
      const result = conclude(claimed, envelope, decision);
      const event =
        unpublishedStart(state, look, turn) ?? leftOffInLine(order, state, { look }, turn);
      return publishingFirst(result, event);
    }
    const { token } = envelope;
    const { cloud } = reserved.kind === "reserved" ? reserved : deps;
    if (reserved.kind === "reserved") await reserved.ready(signal);
    const asked = await askForStart(
      { ...deps, cloud },
      { envelope, claimed, token, sinceMs: claimedAt },
      signal,
    );
    if (asked.kind !== "asked") return asked.result;
    const { outcome } = asked;
    const met = {
      turn: { look, stopJob, start: outcome },
      decision: afterStart(state, outcome, moment()),
    };
    const decision = notStartedYet(order, state, met, moment());
    const refused = outcome.kind === "refused" ? refusedStart(outcome.refusal) : undefined;
    const left = leftOffInLine(order, state, { look, refused }, decision);
    return publishingFirst(conclude(claimed, envelope, decision), left);
  };
}

/** The store has forgotten what became of the command after this step: it may have been reinstalled since. */
function mayHaveGoneOn(current: In<"restore">): In<"restore"> {
  const { after } = current;
  if (after.kind !== "wait") return current;
  return { ...current, after: { ...after, place: { ...after.place, doubt: true } } };
}
