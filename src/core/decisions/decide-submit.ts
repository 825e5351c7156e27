import type { OsReinstall } from "../../contract/os-reinstall.ts";
import { delayAfterNothing } from "../waiting/backoff.ts";
import { heldByMark } from "../brakes/cloud-mark.ts";
import { untilNextPoll } from "../calls/poll-plan.ts";
import type { Candidate } from "../candidate.ts";
import { clearingIntent, type Decision, final, next } from "../decision.ts";
import { type CancelRequest, cancelled, diskMismatch, expired } from "../endings.ts";
import { failed, submitted } from "../messages/events.ts";
import type { Moment } from "../moment.ts";
import type { Acceptance, Look, Submission, Unavailable } from "../server/observations.ts";
import type { Order } from "../state/order.ts";
import { powerMember, stoppedByCloud } from "../server/power.ts";
import type { Rules } from "../rules.ts";
import { fitnessOf } from "../server/server-fitness.ts";
import type { In } from "../state/state.ts";
import { towardsReconcile } from "../towards.ts";
import { askedFor, waitFor } from "../waiting/waiting.ts";
import { restartsKept, restOf, startedAgainFor } from "./off-too-long.ts";
import { refusedAgain } from "./refused-again.ts";

/** The command keeps its place at the line for this long while calls are short; for longer it waits like others. */
const SHORT_OF_CALLS_MS = 60_000;

/** The two calls of the line cannot be made now: nothing was looked at, nothing was sent. */
export function withoutCalls(
  order: Order,
  current: In<"submit">,
  {
    unavailable,
    cancelRequest,
  }: { readonly unavailable: Unavailable; readonly cancelRequest: CancelRequest | null },
  moment: Moment,
): Decision {
  const { nowMs, rules } = moment;
  if (cancelRequest !== null) return cancelled(cancelRequest);
  if (nowMs >= order.expiresAtMs) return expired(order);
  const delayMs = delayAfterNothing(0, unavailable, rules.ladderMs);
  if (delayMs <= SHORT_OF_CALLS_MS) return next(current, delayMs);
  const { before } = current;
  return waitFor(candidateOf(order, current), unavailable.waitsFor, moment, {
    before,
    detail: unavailable.message,
    ...askedFor(unavailable),
  });
}

/**
 * The last look before the POST (design §4.2): idle, right state, the very disk that was seen before, the
 * clocks agree. Null: go on. Anything else is a reason not to.
 */
export function lastLook(
  order: Order,
  current: In<"submit">,
  { look, cancelRequest }: { readonly look: Look; readonly cancelRequest: CancelRequest | null },
  moment: Moment,
): Decision | null {
  const { nowMs, rules } = moment;
  if (cancelRequest !== null) return cancelled(cancelRequest);
  if (nowMs >= order.expiresAtMs) return expired(order);
  const candidate = candidateOf(order, current);
  const { before } = current;
  switch (look.kind) {
    case "absent":
    case "refused":
      return final(failed(look.refusal));
    case "unreadable":
      return waitFor(candidate, look.waitsFor, moment, {
        before,
        detail: look.message,
        ...askedFor(look),
      });
    case "seen":
      break;
  }
  const { server } = look;
  const marked = heldByMark(candidate, server, moment, before);
  if (marked !== null) return marked;
  const replaced = diskMismatch(before.systemDiskId, server);
  if (replaced !== null) return final(replaced);
  if (server.cloudTimeMs !== null) {
    const offsetMs = Math.abs(server.cloudTimeMs - nowMs);
    if (offsetMs > rules.maxClockOffsetMs) {
      const detail = `this worker's clock and the cloud's differ by ${Math.round(offsetMs / 1000)} s`;
      return refusedForNow(candidate, current, { waitsFor: "clock-skew", detail }, moment);
    }
  }
  const fitness = fitnessOf(server, current.body, rules);
  switch (fitness.kind) {
    case "ready":
      return null;
    case "running":
      return rules.stopBy === "cloud"
        ? null
        : waitFor(candidate, "server-unstable", moment, {
            before,
            detail: "the server was started again before it could be reinstalled",
          });
    case "unstable":
      return waitFor(candidate, "server-unstable", moment, {
        before,
        detail: fitness.detail,
      });
    case "unfit":
      return final(fitness.draft);
  }
}

/** The body as it is sent. Without `mode` the cloud itself insists on a stopped server: one more guard (design §3). */
export function bodyToSend(body: OsReinstall, rules: Rules): OsReinstall {
  const { mode: _mode, ...rest } = body;
  return rules.stopBy === "cloud" ? { ...rest, mode: "withStopServer" } : rest;
}

/** One POST, and what became of it. */
export interface Sent {
  readonly outcome: Submission;
  /** Epoch ms, by its signature; null: a token, which has no date. */
  readonly signedAtMs: number | null;
}

/** What became of the POST, and so what may be done next (design §4.7). */
export function afterSubmission(
  order: Order,
  current: In<"submit">,
  { outcome, signedAtMs }: Sent,
  moment: Moment,
): Decision {
  const { attempt, spent } = current.tries;
  const tries = { ...restartsKept(current.tries), attempt: attempt + 1, spent };
  const candidate = { ...candidateOf(order, current), tries };
  switch (outcome.kind) {
    case "accepted":
      return afterAcceptance(current, outcome, true, moment);
    case "refused":
      return clearingIntent(final(failed(outcome.refusal)));
    case "later":
      return clearingIntent(
        outcome.waitsFor === "server-unstable"
          ? afterRefusalOfServer(candidate, current, outcome, moment)
          : refusedForNow(
              candidate,
              current,
              {
                waitsFor: outcome.waitsFor,
                detail: `${outcome.refusal.cloudCode}: ${outcome.refusal.message}`,
                atLeastMs: outcome.retryAfterMs,
              },
              moment,
            ),
      );
    case "not-sent":
      return clearingIntent(
        refusedForNow(
          candidate,
          current,
          { waitsFor: outcome.waitsFor, detail: outcome.message, ...askedFor(outcome) },
          moment,
        ),
      );
    case "unknown":
      return towardsReconcile(current, signedAtMs, "no-answer", moment);
  }
}

/** A reason not to send the request now that lies neither with the server nor with the command, and what was asked for. */
interface ForNow {
  readonly waitsFor: In<"waiting">["waitsFor"];
  readonly detail: string;
  readonly atLeastMs?: number | null;
  readonly heldBack?: boolean | undefined;
}

/**
 * The server answers, and the request cannot be sent now, or is refused for now. A server that we stopped stays off meanwhile, for
 * the next try; where that has taken too long it runs again, and rests, before it is stopped for another.
 */
function refusedForNow(
  candidate: Candidate,
  current: In<"submit">,
  { waitsFor, detail, ...asked }: ForNow,
  moment: Moment,
): Decision {
  const { before } = current;
  const restarts = startedAgainFor(current, moment);
  if (restarts === null) return waitFor(candidate, waitsFor, moment, { before, detail, ...asked });
  const restMs = restOf(restarts, moment.rules);
  const minutes = Math.round((moment.nowMs - before.atMs) / 60_000);
  return waitFor({ ...candidate, tries: { ...candidate.tries, restarts } }, waitsFor, moment, {
    before,
    detail: `${detail}; the server has been off for it for ${minutes} min: it is started again, and stopped for the next try`,
    atLeastMs: Math.min(
      Math.max(restMs, asked.atLeastMs ?? 0),
      untilExpired(candidate.order, moment),
    ),
    isKnown: false,
  });
}

/** The server does not allow it now, by its state or by what else runs on it: it rests ever longer. */
function afterRefusalOfServer(
  candidate: Candidate,
  { before, tries }: In<"submit">,
  { refusal, retryAfterMs: askedMs }: Extract<Submission, { kind: "later" }>,
  moment: Moment,
): Decision {
  const again = refusedAgain(tries.refused, { order: candidate.order, refusal, askedMs }, moment);
  const { refused, restMs, isKnown, nextStep } = again;
  return waitFor(
    { ...candidate, tries: { ...candidate.tries, refused } },
    "server-unstable",
    moment,
    {
      before,
      detail: `${refusal.cloudCode}: ${refusal.message}`,
      atLeastMs: Math.min(restMs, untilExpired(candidate.order, moment)),
      isKnown,
      ...(nextStep !== undefined && { data: { next_step: nextStep } }),
    },
  );
}

/** A message may be taken so much before it is due, and must not ask the cloud again then. */
const PAST_EXPIRY_MS = 1_000;

/** Whoever follows a command hears that it has expired when it has, not when a long rest is over. */
function untilExpired({ expiresAtMs }: Order, { nowMs }: Moment): number {
  return Math.max(0, expiresAtMs - nowMs) + PAST_EXPIRY_MS;
}

/**
 * A job id is known: the cloud has taken it. `announced` false: `submitted` is still to be published.
 *
 * @internal
 */
export function afterAcceptance(
  current: In<"submit">,
  { jobId, requestId }: Acceptance,
  announced: boolean,
  moment: Moment,
): Decision {
  const { nowMs, rules } = moment;
  const isForeseen = announced && moment.likelyEnd != null;
  return next(
    {
      phase: "watch",
      tries: { attempt: current.tries.attempt, spent: current.tries.spent + 1 },
      jobId,
      ...(requestId !== undefined && { requestId }),
      before: current.before,
      ...powerMember(stoppedByCloud(current.power, rules)),
      acceptedAtMs: nowMs,
      deadlineMs: nowMs + rules.jobDeadlineMs,
      announced,
      successes: 0,
      missing: 0,
    },
    isForeseen ? untilNextPoll(0, moment) : (rules.ladderMs[0] ?? 0),
    announced ? [submitted({ jobId, requestId }, current.tries)] : [],
    isForeseen ? { isPunctual: true } : {},
  );
}

/** The command as it stands in line. */
export function candidateOf(order: Order, current: In<"submit">): Candidate {
  const { body, tries, before, power, waited } = current;
  const waiting =
    waited === undefined ? null : { phase: "waiting" as const, body, tries, before, ...waited };
  return { order, body, tries, waiting, power };
}
