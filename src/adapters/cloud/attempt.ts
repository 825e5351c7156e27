import type { Clock } from "../../steps/ports/clock.ts";
import { type Answer, readAnswer } from "./answer.ts";
import type { AuthBreaker, AuthResult } from "./auth-breaker.ts";
import type { EndpointBreaker, EndpointResult } from "./breaker.ts";
import { isAuthenticationFailure, knownError, provesAuthentication } from "./error-table.ts";
import type { Exchange, HttpRequest, Send } from "./exchange.ts";
import type { Operation, RequestInfo, RequestOutcome } from "./operation.ts";
import { presentable } from "./redact.ts";

/** One request, ready to go. */
export interface Attempt {
  readonly operation: Operation;
  readonly origin: URL;
  readonly request: HttpRequest;
  readonly send: Send;
  /** Of the credentials that it carries. */
  readonly identity: string;
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
  | { readonly kind: "held"; readonly message: string; readonly ms: number }
  | { readonly kind: "not-sent"; readonly message: string }
  | { readonly kind: "unknown"; readonly message: string };

export interface AttemptDeps {
  readonly clock: Clock;
  readonly maxRetryAfterMs: number | undefined;
  readonly onRequest: (info: RequestInfo) => void;
}

/** Sends one request through both breakers, tells them what came of it, and counts it. Never sends twice. */
export function createAttempt({ clock, maxRetryAfterMs, onRequest }: AttemptDeps) {
  return async function attempt(what: Attempt, signal: AbortSignal): Promise<Attempted> {
    const auth = await what.auth.enter(what.identity, signal);
    if (auth.kind === "wait") {
      const message = "held back: the cloud does not accept our credentials, or has not yet";
      return { kind: "held", message, ms: auth.ms };
    }
    const endpoint = what.endpoint.enter();
    if (endpoint.kind === "wait") {
      auth.leave("neither");
      return { kind: "held", message: "held back: the cloud does not answer", ms: endpoint.ms };
    }
    const startedMs = clock.monotonicMs();
    // Others may have failed while this one waited for a connection.
    const mayBegin = () => what.auth.waitMs(what.identity) === 0;
    const result = await what.send(what.origin, what.request, signal, mayBegin);
    const seconds = (clock.monotonicMs() - startedMs) / 1000;

    if (result.kind !== "answered") {
      endpoint.leave(signal.aborted || !mayBegin() ? "neither" : "down");
      auth.leave("neither");
      onRequest({
        operation: what.operation,
        outcome: result.kind === "not-sent" ? "not-sent" : "no-answer",
        httpStatus: null,
        cloudCode: null,
        seconds,
      });
      return { kind: result.kind, message: presentable(result.message, what.secrets) };
    }
    const answer = read(result, what.secrets);
    endpoint.leave(endpointResult(answer));
    auth.leave(authResult(answer));
    const outcome = outcomeOf(answer);
    onRequest({
      operation: what.operation,
      outcome,
      httpStatus: answer.status,
      cloudCode: outcome === "ok" ? null : codeOf(answer),
      seconds,
    });
    return { kind: "answered", answer, headers: result.answer.headers };
  };

  function read(
    result: Extract<Exchange, { kind: "answered" }>,
    secrets: readonly string[],
  ): Answer {
    const nowMs = clock.nowMs();
    const answer = readAnswer(result.answer, { secrets, nowMs, maxRetryAfterMs });
    if (!isAuthenticationFailure(answer) || answer.cloudTimeMs === null) return answer;
    // The commonest cause after a wrong key; only the answer that refuses us can still tell.
    const offsetSeconds = Math.round((answer.cloudTimeMs - nowMs) / 1000);
    return Math.abs(offsetSeconds) < CLOCK_HINT_SECONDS
      ? answer
      : { ...answer, message: `${answer.message} [the cloud's clock is ${offsetSeconds} s ahead]` };
  }
}

export type AttemptFn = ReturnType<typeof createAttempt>;

const CLOCK_HINT_SECONDS = 60;

/** A well-formed error of a service shows a cloud that lives; 5xx without such a code, or of the gateway, one that does not. */
function endpointResult(answer: Answer): EndpointResult {
  if (answer.status < 500 || answer.status === 501) return "alive";
  return knownError(answer)?.class === "throttled" ? "alive" : "down";
}

function authResult(answer: Answer): AuthResult {
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
  if (error?.class === "throttled" || answer.status === 429) return "throttled";
  if (error?.submit === "refused") return "refused";
  return answer.code === null && answer.status >= 200 && answer.status < 300 ? "ok" : "error";
}
