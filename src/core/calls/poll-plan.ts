import { pollDelay, rungAtMost } from "../waiting/backoff.ts";
import type { Moment } from "../moment.ts";
import type { JobLook } from "../server/observations.ts";
import type { In } from "../state/state.ts";
import { type LikelyEnd, SHORTEST_MS } from "./likely-end.ts";

/** However long the jobs take, each is asked so often: one that fails early is found then. */
const LONGEST_WAIT_MS = 300_000;

/** Polls within the range, at most, where none is a rung closer. */
const POLLS_WITHIN = 6;

/** So often a poll within the range is one rung closer: 3.5 s apart in the mean where 5 s would see the end 2.5 s late. */
const CLOSER = 0.5;

/** How far behind the range polls stay as close, as a share of it. */
const BEHIND = 0.25;

/**
 * So long at most (or the longest rung, if that is shorter) a job is not asked for because lists show nothing of its end: of one
 * that failed they may never show any. Within the range, where most of them end well, twice as long.
 */
const UNASKED_MS = 30_000;

/** How far apart polls are within the range where a list answers them. */
const LISTED_APART_MS = 2_000;

/** How long a job took that succeeded. Where the cloud does not say when it ended: half a wait before it was seen. */
export function tookMs(
  { acceptedAtMs }: In<"watch">,
  { endedAtMs }: Extract<JobLook, { kind: "succeeded" }>,
  { nowMs, rules }: Moment,
): number {
  const seenMs = Math.max(0, nowMs - acceptedAtMs);
  if (endedAtMs === null) return Math.round(seenMs - pollDelay(seenMs, rules.ladderMs, 1) / 2);
  return Math.round(Math.min(seenMs, Math.max(0, endedAtMs - acceptedAtMs)));
}

/** The earliest first poll that follows from this; 0: it is not put off. */
export function firstPollMs(likely: LikelyEnd | null): number {
  return likely === null ? 0 : Math.min(likely.fromMs, LONGEST_WAIT_MS);
}

/** Is this worth keeping? Of a job that is too short for the range only where a range is known, which then moves. */
export function teaches(tookMs: number, known: LikelyEnd | null): boolean {
  return tookMs >= SHORTEST_MS || known !== null;
}

/**
 * How long until a job of this age that runs is asked again. Where it is known when such jobs end: first when the
 * earliest of them do, then close until the latest have, then by its age again. Otherwise by its age alone.
 *
 * With jobs of 90 s ± 20 %, which ended from 73 s to 107 s so far:
 *
 * | age    | 0 s  | 75 s | 100 s | 110 s | 120 s | 6 min |
 * |--------|------|------|-------|-------|-------|-------|
 * | next   | 73 s | 5 s  | 5 s   | 5 s   | 10 s  | 30 s  |
 *
 * Of the polls that are 5 s apart here half are 2 s apart.
 */
export function untilNextPoll(
  ageMs: number,
  { rules, random, likelyEnd: likely = null }: Omit<Moment, "nowMs">,
): number {
  const { ladderMs, jobDeadlineMs } = rules;
  const plannedMs = pollDelay(ageMs, ladderMs, random);
  if (likely === null) return plannedMs;
  const { fromMs, toMs } = likely;
  const apartMs = (toMs - fromMs) / POLLS_WITHIN;
  if (ageMs < fromMs) {
    // Apart from each other: many jobs may have begun together.
    const startMs = fromMs + random * rungAtMost(apartMs, ladderMs) - Math.max(0, ageMs);
    const mostMs = Math.min(LONGEST_WAIT_MS, jobDeadlineMs - ageMs);
    return Math.max(ladderMs[0] ?? 0, Math.round(Math.min(startMs, mostMs)));
  }
  const isNear = ageMs <= toMs + (toMs - fromMs) * BEHIND;
  if (!isNear) return plannedMs;
  const rungMs = rungAtMost(apartMs, ladderMs);
  const closerMs = ladderMs[ladderMs.indexOf(rungMs) - 1] ?? rungMs;
  return Math.min(plannedMs, random < CLOSER ? closerMs : rungMs);
}

/** Is the job to be asked for, whatever lists show? */
export function isOwedQuery({ acceptedAtMs, askedAtMs }: In<"watch">, moment: Moment): boolean {
  const { nowMs, rules, likelyEnd: likely = null } = moment;
  const ageMs = nowMs - acceptedAtMs;
  const unaskedMs = nowMs - (askedAtMs ?? acceptedAtMs + firstPollMs(likely));
  const isLikely = likely !== null && ageMs <= likely.toMs;
  const slowMs = rungAtMost(UNASKED_MS, rules.ladderMs);
  const mostMs = Math.max(slowMs, pollDelay(ageMs, rules.ladderMs, 1));
  return unaskedMs >= (isLikely ? 2 * mostMs : mostMs);
}

/** How long until the next poll of a job that a list showed nothing of: it costs no call. */
export function untilNextGlance(ageMs: number, moment: Omit<Moment, "nowMs">): number {
  const { rules, likelyEnd: likely = null } = moment;
  const plannedMs = untilNextPoll(ageMs, moment);
  const isNear = likely !== null && ageMs >= likely.fromMs;
  return isNear ? Math.min(plannedMs, rungAtMost(LISTED_APART_MS, rules.ladderMs)) : plannedMs;
}
