import type { Refusal, Unavailable } from "../../../core/server/observations.ts";
import type { Answer } from "./answer.ts";
import { CLASS_VERDICTS, ERROR_CLASSES, type ErrorClass, type Verdicts } from "./error-class.ts";
import { ERROR_ROWS, type ErrorRow } from "./error-rows.ts";

/** What an answer means, for every call that may get it. */
export interface KnownError extends Verdicts {
  /** As the table spells it. */
  readonly code: string;
  readonly class: ErrorClass;
}

/**
 * The row for an answer's error, by code first and status second: statuses "may not be accurate" (ECS API
 * notes §5.1). Null: none of the table. An unknown code proves nothing, not even with status 400: nobody
 * has shown that it is a validation's, and codes of jobs come with 400 too.
 */
export function knownError(
  answer: Pick<Answer, "code" | "fault" | "message" | "status">,
): KnownError | null {
  const named = answer.fault !== null && BY_CODE.has(answer.fault) ? answer.fault : answer.code;
  if (named === null) return null;
  const code = named.replace(/^APIG\./, "APIGW.");
  // A wrapped 404 (ECS API notes §5.2, §9).
  if (WRAPPERS.has(code) && answer.message.includes("itemNotFound"))
    return find("itemNotFound", 404);
  return find(code, answer.status);
}

/** Codes of authentication that failed, whatever the call. */
export function isAuthenticationFailure(answer: Answer): boolean {
  return knownError(answer)?.class === "authentication" || answer.status === 401;
}

/** Was the call turned away for want of quota? `isOneTooMany` is what the answer alone does not say. */
export function isThrottled(answer: Answer): boolean {
  const isKnown = knownError(answer)?.class === "throttled";
  return isKnown || answer.status === 429 || answer.isOneTooMany === true;
}

/** A gateway's quota, or a cloud that is down (ECS API notes §5.5): by itself it does not say which. */
export function isMere503(answer: Answer): boolean {
  return answer.status === 503 && answer.code === null;
}

/** Did the cloud get as far as knowing who we are? A gateway that throttles or breaks may not have looked. */
export function provesAuthentication(answer: Answer): boolean {
  if (isAuthenticationFailure(answer)) return false;
  if (answer.status >= 200 && answer.status < 300 && answer.json !== null) return true;
  // Whom the cloud forbids something it knows.
  if (
    answer.status === 403 &&
    ["permission", "account"].includes(knownError(answer)?.class ?? "")
  ) {
    return true;
  }
  return /^(Ecs|Pdp)\.|^Common\.(?!0013|0018|1503)/.test(answer.code ?? "");
}

/**
 * Some deployments answer a bare 404 for a job that is gone (ECS API notes §2.5), and the disk service may. The gateway's own 404 means a wrong
 * URL, and HTML comes from somebody in between.
 */
export function isBare404(answer: Answer): boolean {
  const fromTheService = answer.json !== null || answer.message === "";
  return answer.status === 404 && fromTheService && knownError(answer)?.class !== "configuration";
}

/**
 * A page, half an object or a redirect where the service itself would have answered in JSON or with nothing: somebody in between
 * speaks (a gateway's page of maintenance, a portal, a firewall), whatever the status says. Refused credentials and a quota count
 * as what they are, whoever says so.
 */
export function isOfSomebodyElse(answer: Answer): boolean {
  if (isAuthenticationFailure(answer) || isThrottled(answer)) return false;
  const isRedirect = answer.status >= 300 && answer.status < 400;
  return isRedirect || (answer.json === null && answer.message !== "");
}

/** `right`: the IAM action that the call needs; named where it is what is missing. */
export function refusalOf(error: KnownError, answer: Answer, right?: Right): Refusal {
  const nextStep =
    error.class === "permission" && right !== undefined ? grantOf(right) : error.nextStep;
  return {
    class: error.class,
    cloudCode: answer.code ?? error.code,
    httpStatus: answer.status,
    message: described(answer),
    nextStep,
    retryable: error.retryable,
  };
}

/** The IAM actions that the worker's calls on a server need (ECS API notes §1.1, §3.1, §4). */
export type Right = `ecs:cloudServers:${"rebuild" | "showServer" | "start" | "stop"}`;

function grantOf(right: Right): string {
  return `Grant the worker's user the action ${right} in IAM, for the project, then send a new command.`;
}

/** Is a failed job with this code the command's own fault? What is not in the table is not. */
export function isEmittersFault(code: string): boolean {
  const [row] = BY_CODE.get(code) ?? [];
  return row !== undefined && !CLASS_VERDICTS[row.class].storm;
}

/**
 * Did the emitter ask for what cannot be? `errorClass` is the failed event's `class`; of a failed job, whose class says no
 * more than that, the cloud's code decides.
 */
export function isEmittersMistake(errorClass: string, cloudCode: string | null): boolean {
  const known = ERROR_CLASSES.find((name) => name === errorClass);
  if (known !== undefined && known !== "job-failed") return CLASS_VERDICTS[known].emittersMistake;
  const [row] = cloudCode === null ? [] : (BY_CODE.get(cloudCode) ?? []);
  return row !== undefined && CLASS_VERDICTS[row.class].emittersMistake;
}

/** An answer that gave nothing usable. */
export function unavailableBy(answer: Answer): Unavailable {
  const otherwise = isThrottled(answer) ? "throttled" : "cloud-unavailable";
  return {
    waitsFor: answer.refusesOurClock ? "clock-skew" : otherwise,
    cloudCode: answer.code,
    message: summary(answer),
    retryAfterMs: answer.retryAfterMs,
  };
}

/** One line for people: status, code, text, request id. */
export function summary(answer: Answer): string {
  const code = answer.code === null ? "" : ` ${answer.code}`;
  return `HTTP ${answer.status}${code}: ${described(answer)}`;
}

function described(answer: Answer): string {
  const text = answer.message === "" ? "no message" : answer.message;
  return answer.requestId === null ? text : `${text} (request ${answer.requestId})`;
}

/** OpenStack's own answer, wrapped. */
const WRAPPERS = new Set(["Ecs.1000", "Ecs.1001"]);

const BY_CODE: ReadonlyMap<string, readonly ErrorRow[]> = new Map(
  ERROR_ROWS.map(({ code }) => [code, ERROR_ROWS.filter((row) => row.code === code)]),
);

/** A row that is bound to statuses holds for those only; one that is not takes what is left. */
function find(code: string, status: number): KnownError | null {
  const rows = BY_CODE.get(code) ?? [];
  const row =
    rows.find(({ onlyStatus }) => onlyStatus?.includes(status)) ??
    rows.find(({ onlyStatus }) => onlyStatus === undefined);
  return row === undefined
    ? null
    : { code: row.code, class: row.class, ...CLASS_VERDICTS[row.class], ...row.differs };
}
