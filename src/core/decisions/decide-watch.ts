import { delayAfterNothing, pollDelay } from "../waiting/backoff.ts";
import { isOwedQuery, untilNextGlance, untilNextPoll } from "../calls/poll-plan.ts";
import { type Decision, final, next } from "../decision.ts";
import { unresolved } from "../endings.ts";
import { type EventDraft, failed, submitted } from "../messages/events.ts";
import type { Moment } from "../moment.ts";
import type { JobLook, Look } from "../server/observations.ts";
import { powerMember } from "../server/power.ts";
import type { Rules } from "../rules.ts";
import { describe, isIdle } from "../server/server-fitness.ts";
import type { Order } from "../state/order.ts";
import type { In } from "../state/state.ts";
import { succeed } from "./success.ts";

/** SUCCESS may come early (ECS API notes §9): without the server's own word it counts when said this often in a row. */
const SUCCESSES_NEEDED = 3;
/** A job may not be visible right after the POST: only this many misses in a row, this late, count as vanished. */
const MISSES_NEEDED = 3;
const VANISHED_AFTER_MS = 60_000;
/** The list of sub-jobs grows, the temporary server's may come first: this many polls in a row, this late, count. */
const FOREIGN_NEEDED = 5;

const NOTHING_ODD = { successes: 0, missing: 0, foreign: 0 };

/** What one poll saw. */
export interface Poll {
  readonly job: JobLook;
  /** The server, read only when the job says SUCCESS, or at the deadline; null otherwise. */
  readonly look: Look | null;
}

/** May a list stand for the query of this poll? Only where nothing is odd, nothing owed, and nobody waits for `submitted`. */
export function mayGlance(current: In<"watch">, moment: Moment): boolean {
  const { announced, successes, missing, foreign = 0, deadlineMs } = current;
  const isPlain = announced && successes + missing + foreign === 0;
  return isPlain && moment.nowMs < deadlineMs && !isOwedQuery(current, moment);
}

/** A poll without a query: a fresh list showed nothing of the job's end, or none is there yet. Nothing was seen of the job. */
export function afterGlance(
  current: In<"watch">,
  glance: "goes-on" | "awaited",
  moment: Moment,
): Decision {
  const { nowMs, rules } = moment;
  const ageMs = nowMs - current.acceptedAtMs;
  const delayMs = glance === "awaited" ? (rules.ladderMs[0] ?? 0) : untilNextGlance(ageMs, moment);
  return next(current, delayMs, [], { isPunctual: true });
}

/**
 * What one poll of the job means. A job that cannot be read may still finish: only the deadline ends that wait.
 */
export function afterPoll(
  order: Order,
  current: In<"watch">,
  { job, look }: Poll,
  moment: Moment,
): Decision {
  const { nowMs, rules, random } = moment;
  const ageMs = nowMs - current.acceptedAtMs;
  const announced = announcement(current);
  const unread = [job, look].find((one) => one?.kind === "unreadable");
  const isLate = nowMs >= current.deadlineMs && isOwed({ job, look });
  // What is odd about a job is looked at by its age, whenever such jobs end.
  const isForeseen = !isLate && job.kind === "running" && moment.likelyEnd != null;
  const byAgeMs = isLate ? (rules.ladderMs[0] ?? 0) : pollDelay(ageMs, rules.ladderMs, random);
  const plannedMs = isForeseen ? untilNextPoll(ageMs, moment) : byAgeMs;
  const delayMs = unread ? delayAfterNothing(plannedMs, unread, rules.ladderMs) : plannedMs;
  const pollAgain = (changed: Partial<In<"watch">>, events: readonly EventDraft[] = []) =>
    next(
      { ...current, announced: true, ...changed },
      delayMs,
      [...announced, ...events],
      isForeseen ? { isPunctual: true } : {},
    );
  const isOver = nowMs >= current.deadlineMs;
  const untilDeadline = (seen: string, changed: Partial<In<"watch">>, events?: EventDraft[]) =>
    !isOver || isOwed({ job, look })
      ? pollAgain(changed, events)
      : unresolved(order, current, `${seen}${andServer(look)}`, null);

  switch (job.kind) {
    case "running":
      return untilDeadline(`the job is still ${job.jobStatus}`, NOTHING_ODD, [
        {
          event: "progress",
          data: {
            job_id: current.jobId,
            job_status: job.jobStatus,
            elapsed_seconds: seconds(ageMs),
            ...(job.subJobs === null
              ? {}
              : { sub_jobs_total: job.subJobs.total, sub_jobs_done: job.subJobs.done }),
          },
        },
      ]);
    case "unreadable":
      return isOver && isReplaced(current, look)
        ? succeed(
            {
              jobId: current.jobId,
              // Nobody said when.
              durationSeconds: null,
              verified: true,
              evidence: "system-disk-replaced",
              volumeType: current.before.volumeType,
              disk: "unseen",
            },
            { power: current.power, server: look.server },
            moment,
          )
        : untilDeadline(`the job cannot be read: ${job.message}`, {});
    case "failed":
      return final(
        failed({
          class: "job-failed",
          cloudCode: job.cloudCode,
          message: job.message,
          retryable: false,
          nextStep: "Look at the server in the console; when its state allows, send a new command.",
          jobId: current.jobId,
        }),
        // The disk may be half written.
        { undo: false, emittersFault: job.emittersFault ?? false },
      );
    case "missing": {
      const missing = current.missing + 1;
      return missing < MISSES_NEEDED || ageMs < youngMs(rules)
        ? untilDeadline(`the cloud does not know the job (${job.cloudCode})`, { missing })
        : toEvidence(current, "job-vanished", moment);
    }
    case "foreign": {
      const foreign = (current.foreign ?? 0) + 1;
      const insisted = foreign >= FOREIGN_NEEDED && ageMs >= youngMs(rules);
      return job.by === "job" || insisted
        ? toEvidence(current, "job-foreign", moment)
        : untilDeadline("the job's parts name other servers only", { foreign, missing: 0 });
    }
    case "succeeded":
      return afterSuccess(current, { job, look }, moment, untilDeadline);
  }
}

function afterSuccess(
  current: In<"watch">,
  { job: { endedAtMs }, look }: Poll & { readonly job: { readonly endedAtMs: number | null } },
  moment: Moment,
  untilDeadline: (seen: string, changed: Partial<In<"watch">>) => Decision,
): Decision {
  const { nowMs } = moment;
  const successes = current.successes + 1;
  const insisted = successes >= SUCCESSES_NEEDED;
  const endMs = endedAtMs === null ? nowMs : Math.max(current.acceptedAtMs, endedAtMs);
  const done = (verified: boolean, disk: "replaced" | "kept" | "unseen") =>
    succeed(
      {
        jobId: current.jobId,
        durationSeconds: seconds(endMs - current.acceptedAtMs),
        verified,
        evidence: "job",
        volumeType: current.before.volumeType,
        disk,
      },
      { power: current.power, server: look?.kind === "seen" ? look.server : null },
      moment,
    );
  if (look?.kind !== "seen") {
    // The job's word is authoritative, if early: with nothing to check it against it must hold to the deadline.
    return nowMs < current.deadlineMs || isOwed({ job: null, look })
      ? untilDeadline("the job succeeded; the server cannot be read", { ...NOTHING_ODD, successes })
      : done(false, "unseen");
  }
  const { server } = look;
  if (!isIdle(server) || server.systemDiskId === null) {
    return untilDeadline("the job says SUCCESS", {
      ...NOTHING_ODD,
      successes,
    });
  }
  if (server.systemDiskId !== current.before.systemDiskId) return done(true, "replaced");
  return insisted
    ? done(false, "kept")
    : untilDeadline("the job says SUCCESS, the system disk is the old one", {
        ...NOTHING_ODD,
        successes,
      });
}

/** Before "nobody knows" job and server are both really asked for: not having made the call is no reason. */
function isOwed({
  job,
  look,
}: {
  readonly job: JobLook | null;
  readonly look: Look | null;
}): boolean {
  if (look === null) return true;
  return [job, look].some((one) => one?.kind === "unreadable" && one.unasked === true);
}

/** As `reconcile` judges it, of a request that was accepted. */
function isReplaced(
  { before }: In<"watch">,
  look: Look | null,
): look is Extract<Look, { kind: "seen" }> {
  if (look?.kind !== "seen" || !isIdle(look.server)) return false;
  const { systemDiskId, status } = look.server;
  return systemDiskId !== null && status !== "ERROR" && systemDiskId !== before.systemDiskId;
}

function andServer(look: Look | null): string {
  return look?.kind === "seen" ? `; the server is ${describe(look.server)}` : "";
}

/** A job this young may be unknown, or show only a part of itself. */
function youngMs(rules: Rules): number {
  return Math.min(VANISHED_AFTER_MS, rules.jobDeadlineMs / 4);
}

/** The job shows nothing more; the disk may. It was accepted, so it is never sent again. */
function toEvidence(
  current: In<"watch">,
  why: "job-vanished" | "job-foreign",
  { nowMs, rules }: Moment,
): Decision {
  return next(
    {
      phase: "reconcile",
      tries: current.tries,
      before: current.before,
      ...powerMember(current.power),
      fenceAtMs: current.acceptedAtMs + rules.postFenceMs,
      deadlineMs: current.deadlineMs,
      sinceMs: nowMs,
      accepted: { jobId: current.jobId, atMs: current.acceptedAtMs },
      why,
    },
    rules.ladderMs[0] ?? 0,
    announcement(current),
  );
}

/** `submitted`, when it could not be published right after the POST. */
function announcement(current: In<"watch">): EventDraft[] {
  return current.announced ? [] : [submitted(current, current.tries)];
}

function seconds(ms: number): number {
  return Math.round(Math.max(0, ms)) / 1000;
}
