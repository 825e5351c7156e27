import { unresolved } from "../core/endings.ts";
import { askedNoMore } from "../core/decisions/decide-ready.ts";
import { givenUp } from "../core/decisions/decide-restore.ts";
import { final, next } from "../core/decision.ts";
import type { Envelope } from "../core/state/envelope.ts";
import { failed } from "../core/messages/events.ts";
import type { Moment } from "../core/moment.ts";
import { PHASES } from "../core/state/phases.ts";
import { powerMember } from "../core/server/power.ts";
import { fenceOf } from "../core/rules.ts";
import type { State } from "../core/state/state.ts";
import { afterSettling } from "../core/decisions/success.ts";
import type { ClaimAnswer } from "./ports/step-claim.ts";
import { conclude, type StepResult } from "./step.ts";

/** A step that the broker gave up this often is not tried again: it ends honestly. */
export const MAX_DEATHS = 3;

type Claimed = Extract<ClaimAnswer, { kind: "claimed" }>;

/**
 * Ends, or puts back on its way, a command whose message was lost or given up. Where nothing can have been
 * sent it has failed and may be repeated; where something may have been, only proof counts.
 */
export function giveUp(
  envelope: Envelope,
  claimed: Claimed,
  why: string,
  moment: Moment,
): StepResult {
  const { nowMs, rules } = moment;
  const { state } = envelope;
  // The success is known: only its settling time is given up.
  if (state.phase === "settle") {
    const settled = { ...moment, nowMs: Math.max(nowMs, state.untilMs) };
    return conclude(claimed, envelope, afterSettling(state, settled));
  }
  if (state.phase === "ready") return conclude(claimed, envelope, askedNoMore(state));
  if (state.phase === "restore") return conclude(claimed, envelope, givenUp(state, why, moment));
  // The command has its outcome: an inquiry that cannot look now looks later.
  if (state.phase === "inquiry") {
    return conclude(claimed, envelope, next(state, rules.ladderMs.at(-1) ?? 0));
  }
  if (mayHaveBeenSent(state, claimed)) {
    if (state.phase === "watch" || state.phase === "reconcile") {
      return conclude(claimed, envelope, unresolved(envelope.order, state, why, null));
    }
    return conclude(claimed, envelope, proofWithoutBody(state, claimed, moment));
  }
  return conclude(
    claimed,
    envelope,
    final(
      failed({
        class: "internal",
        cloudCode: null,
        message: why,
        retryable: true,
        nextStep:
          "Nothing was sent to the cloud. Send a new command; tell the maintainers of the worker.",
      }),
    ),
  );
}

function mayHaveBeenSent(state: State, claimed: Claimed): boolean {
  switch (PHASES[state.phase].mayHaveBeenSent) {
    case "by-intent":
      // The absence of an intent proves something only within the store's present memory.
      return (
        claimed.attempt.intent !== null ||
        claimed.foreignEpoch ||
        claimed.restored !== "no" ||
        (state.phase === "waiting" && state.doubt === true)
      );
    case "no":
      return false;
    case "yes":
      return true;
  }
}

/** Looks for proof without a body: whatever is found, nothing is sent again. */
function proofWithoutBody(state: State, claimed: Claimed, moment: Moment) {
  const { nowMs, rules } = moment;
  const intent = claimed.attempt.intent;
  const before = "before" in state ? state.before : undefined;
  const power = "power" in state ? state.power : undefined;
  return next(
    {
      phase: "reconcile",
      tries: "tries" in state ? state.tries : { attempt: claimed.attempt.attempt, spent: 1 },
      ...(before === undefined ? {} : { before }),
      ...powerMember(power),
      fenceAtMs: fenceOf(intent?.signedAtMs, moment),
      deadlineMs: nowMs + rules.jobDeadlineMs,
      sinceMs: nowMs,
      why: intent === null ? "store-forgot" : "redelivered",
    },
    rules.ladderMs[0] ?? 0,
  );
}
