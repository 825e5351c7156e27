import type { ProjectId } from "../../contract/ids.ts";
import type { CallClass } from "../../core/calls/call-bucket.ts";
import type { Unavailable } from "../../core/server/observations.ts";
import type { Answer } from "./answers/answer.ts";
import type { Attempted, AttemptFn } from "./attempt.ts";
import type { ProjectAuth } from "./credentials/project-auth.ts";
import type { Authorise, Authorised, PlainRequest } from "./credentials/authorise.ts";
import type { EndpointBreaker } from "./breaker.ts";
import type { RequestBudget } from "./budget.ts";
import type { ClockGuard } from "./clock-guard.ts";
import { isAuthenticationFailure, isMere503, isThrottled } from "./answers/error-table.ts";
import type { Send } from "./http/exchange.ts";
import { withReason } from "./with-reason.ts";
import type { ReservedCalls, Spending } from "./spending.ts";
import type { Operation } from "../../contract/labels.ts";

/** A service of the cloud, and the way to it. */
export interface Service {
  readonly origin: URL;
  readonly endpoint: EndpointBreaker;
  readonly auth: Pick<ProjectAuth, "of" | "settle" | "seen">;
}

export interface Call extends Omit<PlainRequest, "origin"> {
  readonly operation: Operation;
  readonly service: Service;
  /** Pooled, or once on its own connection. */
  readonly send: Send;
  /** Asked right before the first byte; `false`: it is not sent. Absent: always. */
  readonly mayBegin?: () => boolean;
  /** Parts of the body that must not show in any message. */
  readonly secrets?: readonly string[];
}

/** `unavailable`: no answer that could be understood arrived, or none was asked for. */
type Called =
  | { readonly kind: "answered"; readonly answer: Answer }
  | ({ readonly kind: "unavailable" } & Unavailable);

type Prepared =
  | {
      readonly kind: "prepared";
      readonly authorised: Authorised;
      /** When the call was let through, by the clock of the budget. */
      readonly begunMs: number;
    }
  | ({ readonly kind: "unavailable" } & Unavailable);

export interface Calls {
  /** Takes a call from the budget, authenticates, sends, and understands the answer. For requests that may be repeated. */
  call(call: Call, signal: AbortSignal): Promise<Called>;
  /** The first half: takes a call from the budget and authenticates. Sends nothing of the request itself. */
  prepare(call: Call, signal: AbortSignal): Promise<Prepared>;
  /** The second half, once. */
  sendOnce(call: Call, prepared: PreparedCall, signal: AbortSignal): Promise<Attempted>;
  /** The same, spending calls that were reserved as long as one is left. */
  within(reserved: ReservedCalls): Calls;
}

type PreparedCall = Extract<Prepared, { kind: "prepared" }>;

export interface CallsDeps {
  readonly attempt: AttemptFn;
  readonly authorise: Authorise;
  /** Asked before a request is signed; null: requests are not signed. */
  readonly clockGuard: ClockGuard | null;
  /** Of the credentials as they are now. */
  readonly identity: () => string;
  readonly budget: RequestBudget;
  readonly spending: Spending;
}

export function createCalls(deps: CallsDeps, reserved?: ReservedCalls): Calls {
  const { attempt, authorise, clockGuard, identity, budget, spending } = deps;

  /** One of the calls that were reserved, else one that is taken now. */
  async function takeCall({ project, operation }: Call, signal: AbortSignal) {
    const mine = await reserved?.use(signal);
    if (mine) return { kind: "taken", ...mine } as const;
    const wished = { class: CLASS_OF[operation] ?? 2, calls: 1 };
    const taken = await spending.reserve(project, wished, signal);
    if (taken.kind === "unavailable") return taken;
    const only = await taken.calls.use(signal);
    return { kind: "taken", begunMs: only?.begunMs ?? budget.nowMs() } as const;
  }

  async function prepare(call: Call, signal: AbortSignal): Promise<Prepared> {
    const held = call.service.endpoint.waitMs();
    if (held > 0) {
      const { why } = call.service.endpoint.seen();
      return unavailable(withReason("held back: the cloud does not answer", why), held);
    }
    // Asked before a token is fetched: one that nobody may use is not worth a request.
    const auth = call.service.auth.of(call.project);
    if (auth.waitMs(identity()) > 0) {
      call.service.auth.settle();
      return heldBack(auth.whyHeld());
    }
    const skewed = (await clockGuard?.(signal)) ?? null;
    if (skewed !== null) return skewed;
    const taken = await takeCall(call, signal);
    if (taken.kind === "unavailable") return taken;
    const authorised = await authorise({ ...call, origin: call.service.origin }, signal);
    if (authorised.kind === "unavailable") return authorised;
    return { kind: "prepared", authorised, begunMs: taken.begunMs };
  }

  async function sendOnce(
    call: Call,
    { authorised, begunMs }: PreparedCall,
    signal: AbortSignal,
  ): Promise<Attempted> {
    const result = await attempt(
      {
        operation: call.operation,
        project: call.project,
        origin: call.service.origin,
        request: authorised.http,
        send: call.send,
        mayBegin: call.mayBegin,
        grant: authorised.grant,
        signedAtMs: authorised.signedAtMs,
        secrets: [...authorised.secrets, ...(call.secrets ?? [])],
        endpoint: call.service.endpoint,
        auth: call.service.auth.of(call.project),
      },
      signal,
    );
    if (result.kind === "answered") {
      if (tokenMayBeDead(result.answer)) authorised.grant.forget?.();
      await learn(call.project, result.answer, begunMs);
    }
    return result;
  }

  /** Whatever else an answer says: was the call within the cloud's quota? */
  async function learn(project: ProjectId, answer: Answer, begunMs: number): Promise<void> {
    if (!isThrottled(answer)) {
      return isMere503(answer) ? undefined : budget.passed(project, begunMs);
    }
    const { retryAfterMs, statedLimit: stated } = answer;
    await budget.refused(project, { begunMs, stated, retryAfterMs });
  }

  return {
    prepare,
    sendOnce,
    within: (calls) => createCalls(deps, calls),
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
    const result = await sendOnce(call, prepared, signal);
    if (result.kind !== "answered") {
      return { ...unavailableBecause(result), again: result.kind === "stale" };
    }
    const { answer } = result;
    // A signature would be no better.
    const again = authorised.grant.forget !== undefined && tokenMayBeDead(answer);
    return { kind: "answered", answer, again };
  }
}

/** Of a call that nobody reserved; the others are of class 2. */
const CLASS_OF: Readonly<Partial<Record<Operation, CallClass>>> = {
  job: 3,
  image: 4,
  disk: 4,
  list: 4,
  probe: 4,
};

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
