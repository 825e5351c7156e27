import type { ProjectId } from "../../contract/ids.ts";
import type { Unavailable } from "../../core/observations.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { Answer } from "./answer.ts";
import type { Attempted, AttemptFn } from "./attempt.ts";
import type { AuthBreaker } from "./auth-breaker.ts";
import type { Authorise, Authorised, PlainRequest } from "./authorise.ts";
import type { EndpointBreaker } from "./breaker.ts";
import type { RequestBudget } from "./budget.ts";
import type { ClockGuard } from "./clock-guard.ts";
import { isAuthenticationFailure, knownError } from "./error-table.ts";
import type { Send } from "./exchange.ts";
import type { Operation } from "../../contract/labels.ts";

/** A service of the cloud, and the way to it. */
export interface Service {
  readonly origin: URL;
  readonly endpoint: EndpointBreaker;
  readonly auth: AuthBreaker;
}

export interface Call extends Omit<PlainRequest, "origin"> {
  readonly operation: Operation;
  readonly service: Service;
  /** Pooled, or once on its own connection. */
  readonly send: Send;
  /** Parts of the body that must not show in any message. */
  readonly secrets?: readonly string[];
}

/** `unavailable`: no answer that could be understood arrived, or none was asked for. */
type Called =
  | { readonly kind: "answered"; readonly answer: Answer }
  | ({ readonly kind: "unavailable" } & Unavailable);

type Prepared =
  | { readonly kind: "prepared"; readonly authorised: Authorised }
  | ({ readonly kind: "unavailable" } & Unavailable);

export interface Calls {
  /** Takes the budget, authenticates, sends, and understands the answer. For requests that may be repeated. */
  call(call: Call, signal: AbortSignal): Promise<Called>;
  /** The first half: takes the budget and authenticates. Sends nothing of the request itself. */
  prepare(call: Call, signal: AbortSignal): Promise<Prepared>;
  /** The second half, once. */
  sendOnce(call: Call, authorised: Authorised, signal: AbortSignal): Promise<Attempted>;
}

/** A throttled project without a word on how long: everybody pauses this long. */
const DEFAULT_PENALTY_MS = 5_000;

/** So long a step waits for the request budget; far below every limit on a step. */
const BUDGET_PATIENCE_MS = 2_000;

export interface CallsDeps {
  readonly attempt: AttemptFn;
  readonly authorise: Authorise;
  /** Asked before a request is signed; null: requests are not signed. */
  readonly clockGuard: ClockGuard | null;
  /** Of the credentials as they are now. */
  readonly identity: () => string;
  readonly budget: RequestBudget;
  readonly clock: Clock;
}

export function createCalls(deps: CallsDeps): Calls {
  const { attempt, authorise, clockGuard, identity, budget, clock } = deps;

  /** A short wait costs less than a message that goes round the delay ladder. */
  async function takeShare(call: Call, signal: AbortSignal) {
    const untilMs = clock.monotonicMs() + BUDGET_PATIENCE_MS;
    for (;;) {
      const share = await budget.take(call.project, call.operation);
      if (share.kind === "granted" || signal.aborted) return share;
      if (clock.monotonicMs() + share.ms > untilMs) return share;
      await clock.sleep(share.ms * (1 + clock.random() / 4), signal);
    }
  }

  async function prepare(call: Call, signal: AbortSignal): Promise<Prepared> {
    const held = call.service.endpoint.waitMs();
    if (held > 0) return unavailable("held back: the cloud does not answer", held);
    // Asked before a token is fetched: one that nobody may use is not worth a request.
    const denied = call.service.auth.waitMs(identity());
    if (denied > 0) return heldBack("held back: the cloud does not accept our credentials");
    const skewed = (await clockGuard?.(signal)) ?? null;
    if (skewed !== null) return skewed;
    const share = await takeShare(call, signal);
    if (share.kind === "wait") {
      return { ...unavailable("the request budget is used up", share.ms), waitsFor: "throttled" };
    }
    const authorised = await authorise({ ...call, origin: call.service.origin }, signal);
    if (authorised.kind === "unavailable") return authorised;
    return { kind: "prepared", authorised };
  }

  async function sendOnce(
    call: Call,
    authorised: Authorised,
    signal: AbortSignal,
  ): Promise<Attempted> {
    const result = await attempt(
      {
        operation: call.operation,
        project: call.project,
        origin: call.service.origin,
        request: authorised.http,
        send: call.send,
        grant: authorised.grant,
        signedAtMs: authorised.signedAtMs,
        secrets: [...authorised.secrets, ...(call.secrets ?? [])],
        endpoint: call.service.endpoint,
        auth: call.service.auth,
      },
      signal,
    );
    if (result.kind === "answered") await learn(call.project, result.answer, authorised);
    return result;
  }

  async function learn(project: ProjectId, answer: Answer, { grant }: Authorised): Promise<void> {
    if (tokenMayBeDead(answer)) grant.forget?.();
    if (knownError(answer)?.class === "throttled" || answer.status === 429) {
      await budget.penalise(project, answer.retryAfterMs ?? DEFAULT_PENALTY_MS);
    }
  }

  return {
    prepare,
    sendOnce,
    async call(call, signal) {
      const first = await once(call, signal);
      // One more try with the present credentials, never two (ECS API notes §6.1).
      const { again, ...called } = first;
      if (!again) return called;
      const { again: _again, ...second } = await once(call, signal);
      return second;
    },
  };

  async function once(call: Call, signal: AbortSignal): Promise<Called & { again: boolean }> {
    const prepared = await prepare(call, signal);
    if (prepared.kind === "unavailable") return { ...prepared, again: false };
    const { authorised } = prepared;
    const result = await sendOnce(call, authorised, signal);
    if (result.kind !== "answered") {
      return { ...unavailableBecause(result), again: result.kind === "stale" };
    }
    const { answer } = result;
    // A signature would be no better.
    const again = authorised.grant.forget !== undefined && tokenMayBeDead(answer);
    return { kind: "answered", answer, again };
  }
}

/** What a request that got no answer waits for. */
export function unavailableBecause(
  result: Exclude<Attempted, { kind: "answered" }>,
): { readonly kind: "unavailable" } & Unavailable {
  switch (result.kind) {
    case "held":
      return result.by === "endpoint"
        ? unavailable(result.message, result.ms)
        : heldBack(result.message);
    case "stale":
      return heldBack(result.message);
    case "not-sent":
    case "unknown":
      return unavailable(result.message, null);
  }
}

/** By our own credentials: whoever waits looks again soon, for they may be put right at any moment. */
function heldBack(message: string): { readonly kind: "unavailable" } & Unavailable {
  return { ...unavailable(message, null), heldBack: true };
}

function unavailable(
  message: string,
  retryAfterMs: number | null,
): { readonly kind: "unavailable" } & Unavailable {
  return {
    kind: "unavailable",
    waitsFor: "cloud-unavailable",
    cloudCode: null,
    message,
    retryAfterMs,
  };
}

/** `Common.0018` says either that the token is invalid or that the project is wrong: one new token shows which. */
function tokenMayBeDead(answer: Answer): boolean {
  return isAuthenticationFailure(answer) || answer.code === "Common.0018";
}
