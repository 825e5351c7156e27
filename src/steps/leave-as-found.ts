import {
  mayAskToStop,
  otherHardStopPerhaps,
  unpublishedStop,
} from "../core/decisions/decide-prepare.ts";
import { leaveAsFound } from "../core/decisions/leave-as-found.ts";
import type { Decision } from "../core/decision.ts";
import type { Moment } from "../core/moment.ts";
import { otherStopPerhaps, type Power, stoppedByCloud } from "../core/server/power.ts";
import { isFirst, type StepResult, type Taken, publishingFirst } from "./step.ts";

type Concluded = Extract<StepResult, { kind: "conclude" }>;

/** A step's result, with the server started first where it was stopped for a reinstall that is not made now. */
export function leavingAsFound(result: StepResult, taken: Taken, moment: Moment): StepResult {
  if (result.kind !== "conclude") return result;
  const power = powerAtStep(result, taken, moment);
  const { state } = taken.envelope;
  const decision = leaveAsFound(state, power, withPower(result.decision, power), moment);
  const left = { ...result, decision };
  if (state.phase !== "prepare") return left;
  const known = isFirst(taken) ? state : otherHardStopPerhaps(state, moment);
  const stop = unpublishedStop(known, power, decision);
  return publishingFirst(left, stop);
}

/**
 * What this delivery knows of a stop goes into the next message: that one begins again, and could not know that an earlier
 * delivery of this step may have asked for one. On the way to the POST it is known, too, where none was asked for.
 */
function withPower(decision: Decision, power: Power | undefined): Decision {
  if (decision.kind === "final" || power === undefined) return decision;
  const { state } = decision;
  if (state.phase !== "prepare" && state.phase !== "submit") return decision;
  const mayStillStop = state.phase === "prepare" && power.stop === undefined;
  return mayStillStop ? decision : { ...decision, state: { ...state, power } };
}

/**
 * What we may have done to the server by now. A message in `prepare` says "stopped, perhaps" from the beginning: where no
 * delivery of it can have asked for a stop, that is not so; where another one can have, nobody knows when it did, and its
 * stop may arrive after the one that this delivery asked for.
 */
function powerAtStep(result: Concluded, taken: Taken, moment: Moment): Power | undefined {
  const { decision } = result;
  const { state } = taken.envelope;
  const known = "power" in state ? state.power : undefined;
  // A cloud that was asked to stop the server may have done so, and refused the reinstall only then.
  if (state.phase === "submit" && result.submitted) return stoppedByCloud(known, moment.rules);
  if (state.phase !== "prepare" || known === undefined) return known;
  const asked = decision.kind === "next" && decision.state.phase === "prepare";
  const power = (asked ? decision.state.power : undefined) ?? known;
  if (mayAskToStop(state, moment) && !isFirst(taken)) {
    return otherStopPerhaps(power, moment.nowMs + moment.rules.signatureMaxAgeMs);
  }
  return power.stop === undefined ? { ...power, mayHaveStopped: false } : power;
}
