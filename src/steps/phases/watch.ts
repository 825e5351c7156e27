import { afterGlance, afterPoll, mayGlance } from "../../core/decisions/decide-watch.ts";
import type { Decision } from "../../core/decision.ts";
import { jobKind } from "../../core/calls/likely-end.ts";
import { teaches, tookMs } from "../../core/calls/poll-plan.ts";
import { createGlance } from "../glance.ts";
import { momentsOf } from "../moment.ts";
import { conclude, type PhaseStep, type StepDeps, withCalls } from "../step.ts";

/** `watch`: ask once how the job is, unless a list shows that its server is not done; when it says SUCCESS, or when its time is over, ask the server too. */
export function createWatch(deps: StepDeps): PhaseStep<"watch"> {
  const { durations, reach } = deps;
  const moment = momentsOf(deps);
  const glanceAt = createGlance(deps);
  return async (envelope, claimed, _arrival, signal) => {
    const { order, state } = envelope;
    const { projectId, serverId } = order;
    const kind = jobKind(state.before);
    const likelyEnd = await durations.likelyEnd(projectId, kind);
    const now = () => ({ ...moment(), likelyEnd });
    if (mayGlance(state, now())) {
      const glance = await glanceAt(order, state, signal);
      await reach("watch:glanced");
      if (glance !== "ask") {
        return conclude(claimed, envelope, afterGlance(state, glance, now()));
      }
    }
    const isLast = now().nowMs >= state.deadlineMs;
    // Before "nobody knows" both are asked, whoever else wants calls.
    const wished = isLast ? ({ class: 1, calls: 2 } as const) : ({ class: 3, calls: 1 } as const);
    const reserved = await withCalls(deps.cloud, projectId, wished, signal);
    if (reserved.kind === "unavailable") {
      const job = { ...reserved, kind: "unreadable" } as const;
      return conclude(
        claimed,
        envelope,
        afterPoll(envelope.order, state, { job, look: null }, now()),
      );
    }
    const { cloud } = reserved;
    const job = await cloud.job(projectId, serverId, state.jobId, signal);
    await reach("watch:polled");
    const look =
      job.kind === "succeeded" || isLast ? await cloud.look(projectId, serverId, signal) : null;
    await reach("watch:looked");
    const decision = afterPoll(envelope.order, state, { job, look }, now());
    const isOver = decision.kind === "final" || decision.state.phase !== "watch";
    if (isOver && job.kind === "succeeded") {
      const took = tookMs(state, job, now());
      if (teaches(took, likelyEnd)) await durations.learn(projectId, kind, took);
    }
    const isSeen = deps.lists !== undefined && job.kind === "running";
    return conclude(claimed, envelope, isSeen ? seenRunning(decision, now().nowMs) : decision);
  };
}

/** From then on lists may stand for the next polls, for a while. */
function seenRunning(decision: Decision, nowMs: number): Decision {
  if (decision.kind === "final" || decision.state.phase !== "watch") return decision;
  return { ...decision, state: { ...decision.state, askedAtMs: nowMs } };
}
