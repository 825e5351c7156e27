import type { SettledAs } from "../../contract/event.ts";
import { delayAfterNothing, delayForAge } from "../waiting/backoff.ts";
import { type Decision, next } from "../decision.ts";
import type { Moment } from "../moment.ts";
import type { JobLook, Look, StartOutcome, Trust } from "../server/observations.ts";
import type { Order } from "../state/order.ts";
import { leftAs, owesStart, powerOf } from "../server/power.ts";
import { isIdle } from "../server/server-fitness.ts";
import type { In } from "../state/state.ts";
import { afterReconcileLook } from "./decide-reconcile.ts";

/** What one turn of an inquiry saw. */
export interface InquiryLook {
  /** The job of the request; null: its id is not known. */
  readonly job: JobLook | null;
  readonly look: Look;
  readonly trust: Trust;
  /** The store's memory is young: a person's word waits. */
  readonly young: boolean;
}

/** What became of a request that may have been carried out. */
export interface Settlement {
  readonly as: SettledAs;
  /** Said in the `settled` event beside `as`. */
  readonly data: Readonly<Record<string, unknown>>;
  /** When the server became healthy by it, epoch ms; null: it did not. */
  readonly healedAtMs: number | null;
}

export type InquiryTurn =
  | { readonly kind: "settled"; readonly settlement: Settlement }
  | { readonly kind: "look-again"; readonly decision: Decision }
  /** Nothing was reinstalled, and we had stopped the server: start it before that is said. */
  | { readonly kind: "start" }
  /** Its time is over: the server stays locked until a person frees it. */
  | { readonly kind: "given-up" };

/** Proof by the rules of `reconcile`, and by the job where there is one: nothing less ends an inquiry. */
export function afterInquiryLook(
  order: Order,
  current: In<"inquiry">,
  seen: InquiryLook,
  moment: Moment,
): InquiryTurn {
  const { nowMs } = moment;
  const proven = byJob(current, seen) ?? byServer(order, current, seen, moment);
  const isOpen = proven === null || proven.as === "not-reinstalled";
  const settlement = (isOpen ? byPerson(current, seen, moment) : null) ?? proven;
  if (settlement?.as === "not-reinstalled")
    return leftAsFound(current, seen.look, settlement, moment);
  if (settlement !== null) return { kind: "settled", settlement };
  const isAsked = seen.look.kind !== "unreadable" || seen.look.unasked !== true;
  if (nowMs >= current.untilMs && isAsked) return { kind: "given-up" };
  return { kind: "look-again", decision: next(current, delayAfter(current, moment)) };
}

function delayAfter({ start, word, sinceMs }: In<"inquiry">, { nowMs, rules, random }: Moment) {
  if (start !== undefined) return rules.ladderMs[0] ?? 0;
  if (word !== undefined) return delayForAge(nowMs - word.atMs, rules.ladderMs, random);
  return inquiryDelay(nowMs - sinceMs, rules.ladderMs);
}

/**
 * A person has said that nothing was reinstalled. It counts where the request is dead and nothing runs on the server: then
 * it may be started.
 */
function byPerson(
  { word, fenceAtMs }: In<"inquiry">,
  { job, look, young }: InquiryLook,
  { nowMs }: Moment,
): Settlement | null {
  if (word === undefined || young || look.kind !== "seen" || !isIdle(look.server)) return null;
  if (job?.kind === "running" || job?.kind === "unreadable") return null;
  const clockMs = Math.min(nowMs, look.server.cloudTimeMs ?? nowMs);
  if (fenceAtMs !== null && clockMs < fenceAtMs) return null;
  const { by, why } = word;
  return { as: "not-reinstalled", data: { evidence: "person", by, why }, healedAtMs: null };
}

/** A server that we stopped for a reinstall that was not made runs again before that is said (brakes.md §8). */
function leftAsFound(
  { power, start }: In<"inquiry">,
  look: Look,
  settlement: Settlement,
  { nowMs, rules }: Moment,
): InquiryTurn {
  if (power === undefined || !owesStart(power, rules) || look.kind !== "seen") {
    return { kind: "settled", settlement };
  }
  const isOn = powerOf(look.server);
  const isLate = start !== undefined && nowMs >= start.firstAskedAtMs + rules.startDeadlineMs;
  if (isOn === "off" && !isLate) return { kind: "start" };
  const why = start?.said === undefined ? undefined : { said: start.said };
  const data = { ...settlement.data, power: leftAs(power, isOn ?? "unknown", why) };
  return { kind: "settled", settlement: { ...settlement, data } };
}

/** The start was asked for: the next look shows what became of it. */
export function afterInquiryStart(
  current: In<"inquiry">,
  outcome: StartOutcome,
  { nowMs, rules }: Moment,
): Decision {
  const { firstAskedAtMs = nowMs } = current.start ?? {};
  const rung = rules.ladderMs[0] ?? 0;
  const delayMs =
    outcome.kind === "accepted" ? rung : delayAfterNothing(rung, outcome, rules.ladderMs);
  const said = outcome.kind === "accepted" ? {} : { said: wordOf(outcome) };
  return next({ ...current, start: { askedAtMs: nowMs, firstAskedAtMs, ...said } }, delayMs);
}

function wordOf(outcome: Exclude<StartOutcome, { readonly kind: "accepted" }>): string {
  return outcome.kind === "refused" ? outcome.refusal.message : outcome.message;
}

const LONGEST_WAIT_MS = 30 * 60_000;

/**
 * A tenth of the time that it has been going on, from the longest rung to half an hour. With the default ladder:
 *
 * | age  | 1 min | 10 min | 30 min | 2 h    | 5 h    | 3 days |
 * |------|-------|--------|--------|--------|--------|--------|
 * | wait | 1 min | 1 min  | 3 min  | 12 min | 30 min | 30 min |
 */
export function inquiryDelay(ageMs: number, ladderMs: readonly number[]): number {
  return Math.max(ladderMs.at(-1) ?? 0, Math.min(ageMs / 10, LONGEST_WAIT_MS));
}

/**
 * The job's own word. SUCCESS may come early (ECS API notes §9): the server must be idle with another system disk, too. With
 * the old one the two contradict each other, and nobody knows.
 */
function byJob({ before, sinceMs }: In<"inquiry">, { job, look }: InquiryLook): Settlement | null {
  if (job?.kind === "failed") {
    const data = { evidence: "job", cloud_code: job.cloudCode, message: job.message };
    return { as: "failed", data, healedAtMs: null };
  }
  if (job?.kind !== "succeeded" || look.kind !== "seen") return null;
  const { server } = look;
  if (!isIdle(server) || server.systemDiskId === null || before === undefined) return null;
  if (server.systemDiskId === before.systemDiskId) return null;
  const healedAtMs = job.endedAtMs ?? sinceMs;
  return { as: "reinstalled", data: { evidence: "job", verified: true }, healedAtMs };
}

function byServer(
  order: Order,
  { before, fenceAtMs, accepted, why, sinceMs }: In<"inquiry">,
  { look, trust }: InquiryLook,
  moment: Moment,
): Settlement | null {
  const decision = afterReconcileLook(
    order,
    {
      phase: "reconcile",
      tries: { attempt: 1, spent: moment.rules.maxSubmissions },
      ...(before === undefined ? {} : { before }),
      fenceAtMs,
      ...(accepted === undefined ? {} : { accepted }),
      why: why === "deadline" ? "no-answer" : why,
      sinceMs,
      // An inquiry has an end of its own: undecided is "look again".
      deadlineMs: Number.POSITIVE_INFINITY,
    },
    { look, trust, lock: "held" },
    moment,
  );
  if (decision.kind === "next") {
    // A reinstall that worked leads on where a lock settles, a server is asked, or every one is started (`POWER_AFTER=on`).
    const { phase } = decision.state;
    return ["settle", "ready", "restore"].includes(phase) ? replaced(sinceMs) : null;
  }
  const { event, data } = decision.draft;
  if (event === "succeeded") return replaced(sinceMs);
  if (data["class"] === "not-executed") {
    const proof = { evidence: "system-disk-kept", message: data["message"] };
    return { as: "not-reinstalled", data: proof, healedAtMs: null };
  }
  const { class: failure, cloud_code, message, next_step } = data;
  return {
    as: "failed",
    data: { evidence: "server", class: failure, cloud_code, message, next_step },
    healedAtMs: null,
  };
}

/** When it was carried out is not known; faults that were seen since the inquiry began are not taken for healed by it. */
function replaced(sinceMs: number): Settlement {
  const data = { evidence: "system-disk-replaced", verified: true };
  return { as: "reinstalled", data, healedAtMs: sinceMs };
}
