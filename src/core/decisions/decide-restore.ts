import { delayAfterNothing, delayForAge } from "../waiting/backoff.ts";
import { type Decision, final, next } from "../decision.ts";
import { type EventDraft, type FinalDraft, failed } from "../messages/events.ts";
import type { Moment } from "../moment.ts";
import { type JobLook, type Look, type StartOutcome, wasSent } from "../server/observations.ts";
import {
  leftAs,
  type Power,
  type PowerAfter,
  powerOf,
  UNANSWERED,
  unansweredStopMs,
  type WhyOff,
} from "../server/power.ts";
import type { Rules } from "../rules.ts";
import { describe, isIdle } from "../server/server-fitness.ts";
import type { In } from "../state/state.ts";
import { concludeSuccess } from "./success.ts";
import { lastsUntilHelped, refusedStart, whyUnseen } from "./why-off.ts";

/** What a turn of `restore` comes to: a decision; a start to ask for; or, first, a look at the job of the last stop. */
export type Restoration = Decision | { readonly kind: "start" } | { readonly kind: "ask-stop-job" };

/** What a turn of `restore` saw. */
export interface RestoreLook {
  readonly look: Look;
  /** The job of the last stop; null: not asked. */
  readonly stopJob: JobLook | null;
  /** The job of the last start; null: not asked, or there is none. */
  readonly startJob: JobLook | null;
}

/** After a reinstall that worked the cloud may still be starting the server: so often it must be seen off, a rung apart. */
const LOOKS_OFF_AFTER_SUCCESS = 2;

/** The phase before an end, a wait or a success: the server is put back as it was found. */
export function restoring(
  power: Power,
  after: In<"restore">["after"],
  { nowMs }: Pick<Moment, "nowMs">,
): In<"restore"> {
  return { phase: "restore", power, after, sinceMs: nowMs };
}

/** One turn: is the server as it was found, or what is to be done about it? */
export function afterRestoreLook(
  current: In<"restore">,
  seen: RestoreLook,
  moment: Moment,
): Restoration {
  const { nowMs, random, rules } = moment;
  const { look } = seen;
  const plannedMs = delayForAge(nowMs - current.sinceMs, rules.ladderMs, random);
  const again = (changed: Partial<In<"restore">> = {}, delayMs = plannedMs): Decision =>
    isTooLate(current, moment)
      ? restored(
          current,
          look.kind === "seen" ? (powerOf(look.server) ?? "unknown") : "unknown",
          moment,
          whyOff(current, seen),
        )
      : next({ ...current, ...changed }, delayMs);
  switch (look.kind) {
    case "absent":
      return restored(current, "unknown", moment);
    case "refused":
      return again();
    case "unreadable": {
      const delayMs = delayAfterNothing(plannedMs, look, rules.ladderMs);
      return look.unasked ? next(current, delayMs) : again({}, delayMs);
    }
    case "seen":
      break;
  }
  const { server } = look;
  if (!isIdle(server)) return again();
  const stop = stopEnded(current, seen.stopJob, moment);
  if (stop === "ask") return { kind: "ask-stop-job" };
  // A stop that may still come true would undo the start.
  if (stop === "pending") return again();
  const isOn = powerOf(server);
  if (isOn === "on") return restored(current, "on", moment);
  if (isOn === null) return restored(current, "unknown", moment, { said: describe(server) });
  const seenOff = (current.seenOff ?? 0) + 1;
  if (current.after.kind === "succeed" && seenOff < LOOKS_OFF_AFTER_SUCCESS) {
    return again({ seenOff }, rules.ladderMs[0] ?? 0);
  }
  if (current.start !== undefined && seen.startJob?.kind === "running") return again();
  return isTooLate(current, moment)
    ? restored(current, "off", moment, whyOff(current, seen))
    : { kind: "start" };
}

/** What the cloud said last of the start that was asked for; of a server that cannot be seen, why not. */
function whyOff(
  { start }: In<"restore">,
  { look, startJob: job }: RestoreLook,
): WhyOff | undefined {
  const unseen = whyUnseen(look);
  const remedy = unseen?.remedy === undefined ? {} : { remedy: unseen.remedy };
  if (job?.kind === "failed") return { said: `${job.cloudCode}: ${job.message}`, ...remedy };
  if (start?.said === undefined) return unseen;
  return {
    said: start.said,
    ...(start.remedy !== undefined && { remedy: start.remedy }),
    ...remedy,
  };
}

/** A start was asked for. */
export function afterStart(
  current: In<"restore">,
  outcome: StartOutcome,
  moment: Moment,
): Decision {
  const { nowMs, rules, random } = moment;
  const rung = rules.ladderMs[0] ?? 0;
  const startableSinceMs = current.startableSinceMs ?? nowMs;
  const { remedy: _before, ...known } = current.start ?? {};
  switch (outcome.kind) {
    case "accepted": {
      const job = outcome.jobId === null ? {} : { jobId: outcome.jobId };
      return next({ ...current, startableSinceMs, start: { askedAtMs: nowMs, ...job } }, rung, [
        {
          event: "starting",
          data: {
            why: whyOf(current),
            ...(outcome.jobId === null ? {} : { job_id: outcome.jobId }),
          },
        },
      ]);
    }
    case "refused": {
      const { refusal } = outcome;
      const why = refusedStart(refusal);
      const isForPerson = lastsUntilHelped(refusal);
      if (!refusal.retryable && !isForPerson) return restored(current, "off", moment, why);
      // The answer stays the same until somebody has done something.
      const plannedMs = isForPerson
        ? delayForAge(nowMs - startableSinceMs, rules.ladderMs, random)
        : rung;
      return next(
        { ...current, startableSinceMs, start: { askedAtMs: nowMs, ...known, ...why } },
        delayAfterNothing(plannedMs, outcome, rules.ladderMs),
      );
    }
    case "unreadable":
      return next(
        {
          ...current,
          startableSinceMs,
          start: wasSent(outcome)
            ? { askedAtMs: nowMs, said: outcome.message, unanswered: true }
            : { askedAtMs: nowMs, ...known, said: outcome.message },
        },
        delayAfterNothing(rung, outcome, rules.ladderMs),
      );
  }
}

/** Another delivery of the step may have asked for a start already: nobody knows its answer. */
export function otherStartPerhaps(
  current: In<"restore">,
  { nowMs }: Pick<Moment, "nowMs">,
): In<"restore"> {
  return { ...current, start: current.start ?? { askedAtMs: nowMs, unanswered: true } };
}

/**
 * `starting` of a start that may have been asked for and was never published, once the server is seen on and the command goes on.
 * Null: there is none.
 */
export function unpublishedStart(
  current: In<"restore">,
  look: Look,
  decision: Decision,
): EventDraft | null {
  const stays = decision.kind === "next" && decision.state.phase === "restore";
  const isOn = look.kind === "seen" && powerOf(look.server) === "on";
  if (stays || !isOn || current.start?.unanswered !== true) return null;
  return { event: "starting", data: { why: whyOf(current), detail: UNANSWERED } };
}

/**
 * The server is not looked at any more: the command comes to its end, or goes back to its place, without it. What it owes the
 * server at its end it leaves to the lock's owner.
 */
export function givenUp(current: In<"restore">, why: string, moment: Moment): Decision {
  const decision = restored(current, "unknown", moment, { said: why });
  if (decision.kind === "next") return decision;
  return { ...decision, owes: { ...current.power, mayHaveStopped: true } };
}

/** How the command goes on, now that the server is as it should be, or cannot be brought there. */
function restored(
  current: In<"restore">,
  powerAfter: PowerAfter,
  moment: Moment,
  why?: WhyOff,
): Decision {
  const { after, power, body } = current;
  switch (after.kind) {
    case "end":
      return final(withPower(draftOf(after.ending), power, powerAfter, why), { undo: false });
    case "succeed":
      return concludeSuccess(
        {
          ...after.success,
          power: leftAs(power, powerAfter, why),
          jobId: after.jobId,
        },
        moment,
      );
    case "wait": {
      if (body === undefined) {
        const lost = failed({
          class: "internal",
          cloudCode: null,
          message: "its message was lost, and the body of the request with it",
          retryable: true,
          nextStep: "Nothing was sent to the cloud. Send a new command.",
        });
        return final(withPower(lost, power, powerAfter, why), { undo: false });
      }
      const started: Power = { was: power.was, mayHaveStopped: false, startedAgain: true };
      const isOn = powerAfter === "on";
      return next(
        { ...after.place, phase: "waiting", body, power: isOn ? started : power },
        untilNextTry(after, isOn, moment),
      );
    }
  }
}

type Waiting = Extract<In<"restore">["after"], { kind: "wait" }>;

/** A server that runs is left alone for as long as it is to rest; one that does not has nothing of a rest. */
function untilNextTry({ nextTryMs = 0, restMs }: Waiting, isOn: boolean, moment: Moment): number {
  const { nowMs, rules } = moment;
  const shortestMs = rules.ladderMs[0] ?? 0;
  if (restMs !== undefined && !isOn) return shortestMs;
  return Math.max(nextTryMs - nowMs, restMs ?? 0, shortestMs);
}

type Ending = Extract<In<"restore">["after"], { kind: "end" }>["ending"];

/** A stored ending, as the final event is made from it. */
export function draftOf({ event, data, deadReason }: Ending): FinalDraft {
  return { event, data, ...(deadReason === undefined ? {} : { deadReason }) };
}

/** The draft with `power`, and what a person has to do where the server is left off. */
export function withPower(
  draft: FinalDraft,
  power: Power,
  after: PowerAfter,
  why?: WhyOff,
): FinalDraft {
  return { ...draft, data: { ...draft.data, power: leftAs(power, after, why) } };
}

function whyOf({ after }: In<"restore">): string {
  switch (after.kind) {
    case "end":
      return `the command ends ${after.ending.event}, and the server was stopped for it`;
    case "wait":
      return `the command waits (${after.place.waitsFor}), and the server was stopped for it`;
    case "succeed":
      return "the server is off after its reinstall, and ran before";
  }
}

/** `ask`: its job says whether. A stop whose answer was lost can be taken as long as its signature is accepted. */
function stopEnded(
  { power: { stop } }: In<"restore">,
  job: JobLook | null,
  { nowMs, rules }: Moment,
): "ended" | "pending" | "ask" {
  const isDead = (askedAtMs: number) => nowMs >= askedAtMs + rules.postFenceMs;
  const unansweredAtMs = unansweredStopMs(stop);
  if (unansweredAtMs !== null && !isDead(unansweredAtMs)) return "pending";
  if (stop?.jobId === undefined || isDead(stop.askedAtMs)) return "ended";
  if (job === null) return "ask";
  return job.kind === "running" || job.kind === "unreadable" ? "pending" : "ended";
}

function isTooLate(current: In<"restore">, { nowMs, rules }: Moment): boolean {
  return nowMs >= latestStartMs(current, rules);
}

/** Until when it is to be started. Counted from when it could be; before that, from when the last stop is dead at the latest. */
export function latestStartMs(
  { startableSinceMs, sinceMs, power }: In<"restore">,
  rules: Pick<Rules, "postFenceMs" | "startDeadlineMs">,
): number {
  const stopMs = Math.max(sinceMs, unansweredStopMs(power.stop) ?? sinceMs);
  return (startableSinceMs ?? stopMs + rules.postFenceMs) + rules.startDeadlineMs;
}
