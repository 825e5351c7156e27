import { delayAfterNothing, delayForAge } from "../waiting/backoff.ts";
import { heldByMark } from "../brakes/cloud-mark.ts";
import { type Decision, final, next } from "../decision.ts";
import { type CancelRequest, cancelled, diskMismatch, expired } from "../endings.ts";
import { type EventDraft, failed } from "../messages/events.ts";
import type { Moment } from "../moment.ts";
import { type Look, type StopOutcome, wasSent } from "../server/observations.ts";
import type { Order } from "../state/order.ts";
import { type Power, stopAsked, UNANSWERED, unansweredStopMs } from "../server/power.ts";
import { describe, isIdle } from "../server/server-fitness.ts";
import type { In } from "../state/state.ts";
import { towardsSubmit } from "../towards.ts";

/** What to do about a server that should be stopped: an answer, or a stop to ask for. */
export type Preparation = Decision | { readonly kind: "stop"; readonly type: "SOFT" | "HARD" };

/** What the cloud shows of a server that is being started (ECS API notes §3.3). */
const BEING_STARTED = "powering-on";

/** Does this step perhaps ask for a stop after its look? */
export function mayAskToStop({ stop }: In<"prepare">, { nowMs, rules }: Moment): boolean {
  return stop === undefined || (stop.type === "SOFT" && nowMs - stop.askedAtMs >= rules.softStopMs);
}

/** Stopped is `SHUTOFF` *and* no task: the job alone says too little (ECS API notes §4). */
export function afterPrepareLook(
  order: Order,
  current: In<"prepare">,
  { look, cancelRequest }: { readonly look: Look; readonly cancelRequest: CancelRequest | null },
  moment: Moment,
): Preparation {
  const { nowMs, rules, random } = moment;
  if (cancelRequest !== null) return cancelled(cancelRequest);
  if (nowMs >= order.expiresAtMs) return expired(order);
  const againMs = delayForAge(nowMs - current.sinceMs, rules.ladderMs, random);
  const again = () => next(current, againMs);
  switch (look.kind) {
    case "absent":
    case "refused":
      return final(failed(look.refusal));
    case "unreadable":
      return next(current, delayAfterNothing(againMs, look, rules.ladderMs));
    case "seen":
      break;
  }
  const { server } = look;
  const { body, tries, before, power } = current;
  const candidate = { order, body, tries, waiting: null, power };
  const marked = heldByMark(candidate, server, moment, before);
  if (marked !== null) return marked;
  const replaced = diskMismatch(current.before.systemDiskId, server);
  if (replaced !== null) return final(replaced);
  if (
    isIdle(server) &&
    server.systemDiskId !== null &&
    ["SHUTOFF", "ERROR"].includes(server.status)
  ) {
    return towardsSubmit(current, server, moment);
  }
  if (nowMs - current.sinceMs >= rules.stopDeadlineMs) {
    return final(
      failed({
        class: "stop-failed",
        cloudCode: null,
        message: `the server did not stop: it is ${describe(server)}`,
        retryable: true,
        nextStep: "Stop the server by hand, then send a new command.",
      }),
    );
  }
  const { stop, ...unstopped } = current;
  // Somebody starts it: that stop has ended. Left to its time it would be followed by a hard one, for a server that boots.
  if (stop !== undefined && server.taskState === BEING_STARTED) return next(unstopped, againMs);
  if (stop === undefined) return isIdle(server) ? { kind: "stop", type: "SOFT" } : again();
  return mayAskToStop(current, moment) ? { kind: "stop", type: "HARD" } : again();
}

/** The stop was asked for. A refusal is not the end: the server may be stopping already, the next look shows. */
export function afterStop(
  current: In<"prepare">,
  type: "SOFT" | "HARD",
  outcome: StopOutcome,
  { nowMs, rules }: Moment,
): Decision {
  const delayMs = rules.ladderMs[0] ?? 0;
  switch (outcome.kind) {
    case "accepted": {
      const { jobId } = outcome;
      return next(
        {
          ...current,
          power: stopAsked(current.power, nowMs, jobId),
          stop: { type, askedAtMs: nowMs, ...(jobId === null ? {} : { jobId }) },
        },
        delayMs,
        [
          {
            event: "stopping",
            data: { stop_type: type, ...(jobId === null ? {} : { job_id: jobId }) },
          },
        ],
      );
    }
    case "refused":
      return outcome.refusal.retryable
        ? next(current, delayAfterNothing(delayMs, outcome, rules.ladderMs))
        : final(failed(outcome.refusal));
    case "unreadable": {
      const asked = {
        ...(type === "HARD" ? hardStopPerhaps(current) : current),
        power: stopAsked(current.power, nowMs, null),
      };
      // It may have been taken, or still be; where it was sent.
      return next(
        wasSent(outcome) ? asked : current,
        delayAfterNothing(delayMs, outcome, rules.ladderMs),
      );
    }
  }
}

/** A hard stop may have been asked for after the soft one: nobody knows its answer. */
function hardStopPerhaps(current: In<"prepare">): In<"prepare"> {
  const { stop } = current;
  return stop === undefined ? current : { ...current, stop: { ...stop, hardUnanswered: true } };
}

/** The same, of a step that another delivery may have taken before: it may have asked for what this one may ask for. */
export function otherHardStopPerhaps(current: In<"prepare">, moment: Moment): In<"prepare"> {
  return mayAskToStop(current, moment) ? hardStopPerhaps(current) : current;
}

/**
 * `stopping` of a stop that may have been asked for and was never published, for its answer was lost, or the worker that asked for
 * it. Published when the command goes on to a server that it found stopped, or that it starts again. Null: there is none.
 */
export function unpublishedStop(
  current: In<"prepare">,
  power: Power | undefined,
  decision: Decision,
): EventDraft | null {
  const to = decision.kind === "next" ? decision.state.phase : null;
  if (to !== "submit" && to !== "restore") return null;
  const { stop } = current;
  const isSoft = stop === undefined && unansweredStopMs(power?.stop) !== null;
  if (!isSoft && stop?.hardUnanswered !== true) return null;
  return {
    event: "stopping",
    data: { stop_type: isSoft ? "SOFT" : "HARD", detail: UNANSWERED },
  };
}
