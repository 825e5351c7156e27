import type { ProjectId } from "../../contract/ids.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import { type Answer, readAnswer } from "./answers/answer.ts";
import type { AuthBreaker } from "./credentials/auth-breaker.ts";
import type { AuthResult, Grant } from "./credentials/auth-record.ts";
import type { EndpointBreaker, EndpointResult } from "./breaker.ts";
import type { CloudClock } from "./cloud-clock.ts";
import {
  isAuthenticationFailure,
  isMere503,
  isOfSomebodyElse,
  isThrottled,
  knownError,
  provesAuthentication,
  summary,
} from "./answers/error-table.ts";
import type { Exchange, HttpAnswer, HttpRequest, Send } from "./http/exchange.ts";
import type { Operation, RequestOutcome } from "../../contract/labels.ts";
import type { RequestInfo } from "./operations/operation.ts";
import { presentable } from "./http/redact.ts";
import { MAX_RETRY_AFTER_MS } from "./http/retry-after.ts";
import { withReason } from "./with-reason.ts";

/** One request, ready to go. */
export interface Attempt {
  readonly operation: Operation;
  readonly project: ProjectId;
  readonly origin: URL;
  readonly request: HttpRequest;
  readonly send: Send;
  /** The caller's own last word; absent: it has none. */
  readonly mayBegin?: (() => boolean) | undefined;
  readonly grant: Grant;
  /** The date of its signature by our clock, ms since 1970; null: it carries none. */
  readonly signedAtMs: number | null;
  /** What must not show in any message. */
  readonly secrets: readonly string[];
  readonly endpoint: EndpointBreaker;
  readonly auth: AuthBreaker;
}

export type Attempted =
  | {
      readonly kind: "answered";
      readonly answer: Answer;
      readonly headers: ReadonlyMap<string, string>;
    }
  /** A breaker is open: nothing was sent. */
  | {
      readonly kind: "held";
      readonly by: "credentials" | "endpoint";
      readonly message: string;
      readonly ms: number;
    }
  /** The credentials were replaced before it was sent: nothing was sent. */
  | { readonly kind: "stale"; readonly message: string }
  | { readonly kind: "not-sent"; readonly message: string }
  | { readonly kind: "unknown"; readonly message: string };

export interface AttemptDeps {
  readonly clock: Clock;
  readonly cloudClock: CloudClock;
  readonly maxRetryAfterMs: number | undefined;
  readonly onRequest: (info: RequestInfo) => void;
}

/** Sends one request through both breakers, informs them of the result, and counts it. Never sends twice. */
export function createAttempt({ clock, cloudClock, maxRetryAfterMs, onRequest }: AttemptDeps) {
  return async function attempt(what: Attempt, signal: AbortSignal): Promise<Attempted> {
    const { grant } = what;
    const auth = await what.auth.enter(grant, signal);
    if (auth.kind === "stale") return STALE;
    if (auth.kind === "wait") {
      return { kind: "held", by: "credentials", message: auth.why, ms: auth.ms };
    }
    const endpoint = what.endpoint.enter();
    if (endpoint.kind === "wait") {
      auth.leave("neither");
      const message = withReason("held back: the cloud does not answer", what.endpoint.seen().why);
      return { kind: "held", by: "endpoint", message, ms: endpoint.ms };
    }
    const startedMs = clock.monotonicMs();
    // While this one waited for a connection, others may have failed, or this worker may have stood still.
    const mayBegin = () =>
      grant.isCurrent() &&
      what.auth.waitMs(grant.identity) === 0 &&
      (what.mayBegin === undefined || what.mayBegin());
    const result = await what.send(what.origin, what.request, signal, mayBegin);
    const seconds = (clock.monotonicMs() - startedMs) / 1000;

    if (result.kind !== "answered") {
      const message = presentable(result.message, what.secrets);
      const replaced = result.kind === "not-sent" && !grant.isCurrent();
      const isOurs = signal.aborted || replaced || !mayBegin();
      endpoint.leave(isOurs ? "neither" : "down", message);
      auth.leave("neither", isOurs ? undefined : message);
      onRequest({
        operation: what.operation,
        project: what.project,
        outcome: result.kind === "not-sent" ? "not-sent" : "no-answer",
        httpStatus: null,
        cloudCode: null,
        seconds,
      });
      if (replaced) return STALE;
      // Others were refused while it waited for a connection.
      const ms = result.kind === "not-sent" ? what.auth.waitMs(grant.identity) : 0;
      if (ms > 0) return { kind: "held", by: "credentials", message: what.auth.whyHeld(), ms };
      return { kind: result.kind, message };
    }
    const answer = besideOthers(read(result, what), what);
    const isStray = isOfSomebodyElse(answer) || isNoToken(what.operation, result.answer);
    endpoint.leave(isStray ? "down" : endpointResult(answer), summary(answer));
    // Which project it was about: always the same one is no wrong key.
    auth.leave(authResult(answer), `${summary(answer)}, for project ${what.project}`);
    const outcome = isStray ? "error" : outcomeOf(answer);
    onRequest({
      operation: what.operation,
      project: what.project,
      outcome,
      httpStatus: answer.status,
      cloudCode: outcome === "ok" ? null : codeOf(answer),
      seconds,
    });
    return { kind: "answered", answer, headers: result.answer.headers };
  };

  function read(
    result: Extract<Exchange, { kind: "answered" }>,
    { secrets, signedAtMs }: Attempt,
  ): Answer {
    const nowMs = clock.nowMs();
    const answer = askingForAMinute(
      readAnswer(result.answer, { secrets, nowMs, maxRetryAfterMs }),
      maxRetryAfterMs,
    );
    const { cloudTimeMs } = answer;
    if (cloudTimeMs === null) return answer;
    cloudClock.learn(cloudTimeMs);
    if (!isAuthenticationFailure(answer)) return answer;
    // The commonest cause after a wrong key; only the answer that refuses us can still say so.
    const offsetSeconds = Math.round((cloudTimeMs - nowMs) / 1000);
    const refusesOurClock = signedAtMs !== null && cloudClock.explains(cloudTimeMs, nowMs);
    const refusesItsAge = signedAtMs !== null && cloudClock.explains(cloudTimeMs, signedAtMs);
    const marked = refusesItsAge ? { ...answer, refusesItsAge } : answer;
    if (!refusesOurClock && Math.abs(offsetSeconds) < CLOCK_HINT_SECONDS) return marked;
    const hint = `[the cloud's clock is ${offsetSeconds} s ahead]`;
    return { ...marked, message: `${answer.message} ${hint}`, refusesOurClock };
  }
}

/**
 * Some quotas refuse by the mere status 503, as a cloud does that is down. Where others are answered in the same seconds it is
 * a quota. Of tokens nobody learns a rate: there each 503 counts for the breaker.
 */
function besideOthers(answer: Answer, { endpoint, operation }: Attempt): Answer {
  const isOneTooMany = operation !== "token" && isMere503(answer) && endpoint.answersNow();
  return isOneTooMany ? { ...answer, isOneTooMany } : answer;
}

/** "Another command runs on this server: try again after 1 minute" (ECS API notes §5.2) is said by the code alone. */
function askingForAMinute(answer: Answer, maxMs = MAX_RETRY_AFTER_MS): Answer {
  if (answer.retryAfterMs !== null || knownError(answer)?.class !== "server-busy") return answer;
  return { ...answer, retryAfterMs: Math.min(BUSY_MS, maxMs) };
}

const BUSY_MS = 60_000;

export type AttemptFn = ReturnType<typeof createAttempt>;

const CLOCK_HINT_SECONDS = 60;

const STALE: Attempted = {
  kind: "stale",
  message: "the credentials were replaced before it was sent",
};

/** A success of IAM is a token. */
function isNoToken(operation: Operation, { status, headers }: HttpAnswer): boolean {
  const isSuccess = status >= 200 && status < 300;
  return operation === "token" && isSuccess && (headers.get("x-subject-token") ?? "") === "";
}

/** A well-formed error of a service shows a cloud that lives; 5xx without such a code, or of the gateway, one that does not. */
function endpointResult(answer: Answer): EndpointResult {
  if (answer.isOneTooMany === true) return "neither";
  if (answer.status < 500 || answer.status === 501) return "alive";
  return knownError(answer)?.class === "throttled" ? "alive" : "down";
}

function authResult(answer: Answer): AuthResult {
  if (answer.refusesOurClock || answer.refusesItsAge) return "clock";
  if (isAuthenticationFailure(answer)) return "denied";
  return provesAuthentication(answer) ? "proven" : "neither";
}

/** Closed, so that it may be a label. */
function codeOf(answer: Answer): string {
  return answer.code === null ? "none" : (knownError(answer)?.code ?? "other");
}

function outcomeOf(answer: Answer): RequestOutcome {
  if (isAuthenticationFailure(answer)) return "unauthenticated";
  const error = knownError(answer);
  if (isThrottled(answer)) return "throttled";
  if (error?.submit === "refused") return "refused";
  return answer.code === null && answer.status >= 200 && answer.status < 300 ? "ok" : "error";
}
