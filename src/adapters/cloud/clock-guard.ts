import type { Unavailable } from "../../core/server/observations.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import { readAnswer } from "./answers/answer.ts";
import type { EndpointBreaker } from "./breaker.ts";
import type { CloudClock } from "./cloud-clock.ts";
import type { Send } from "./http/exchange.ts";
import type { RequestInfo } from "./operations/operation.ts";
import { presentable } from "./http/redact.ts";

export interface ClockGuardDeps {
  readonly clock: Clock;
  readonly cloudClock: CloudClock;
  readonly origin: URL;
  readonly endpoint: EndpointBreaker;
  readonly send: Send;
  readonly onRequest: (info: RequestInfo) => void;
}

/** Keeps signed requests back while our clock is so wrong that the cloud would refuse them. Null: they may go. */
export type ClockGuard = (
  signal: AbortSignal,
) => Promise<({ readonly kind: "unavailable" } & Unavailable) | null>;

/** Between two questions for the cloud's time while it is wrong. Our own clock, put right, is noticed without one. */
const QUESTION_INTERVAL_MS = 15_000;

/**
 * The refusals that a wrong clock earns may be counted against the key, which more than five in a row lock (ECS API
 * notes §6.3). So while the clocks are too far apart nothing is signed: the cloud is asked for its time by a request
 * that names no key, one at a time.
 */
export function createClockGuard(deps: ClockGuardDeps): ClockGuard {
  const { clock, cloudClock, origin, endpoint, send, onRequest } = deps;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let question: Promise<void> | null = null;

  async function ask(signal: AbortSignal): Promise<void> {
    const entry = endpoint.enter();
    if (entry.kind === "wait") return;
    askedAtMs = clock.monotonicMs();
    const request = { method: "GET", target: "/", headers: { host: origin.host } } as const;
    const result = await send(origin, request, signal, () => true);
    const seconds = (clock.monotonicMs() - askedAtMs) / 1000;
    const info = { operation: "clock", project: null, cloudCode: null, seconds } as const;
    if (result.kind !== "answered") {
      entry.leave(signal.aborted ? "neither" : "down", presentable(result.message));
      const outcome = result.kind === "not-sent" ? "not-sent" : "no-answer";
      return onRequest({ ...info, outcome, httpStatus: null });
    }
    // Whatever it says: somebody lives there, and says the time.
    entry.leave("alive");
    const answer = readAnswer(result.answer, { secrets: [], nowMs: clock.nowMs() });
    if (answer.cloudTimeMs !== null) cloudClock.learn(answer.cloudTimeMs);
    onRequest({ ...info, outcome: "ok", httpStatus: answer.status });
  }

  return async function guard(signal) {
    if (!cloudClock.isTooFar()) {
      // The next time is asked at once: a machine that slept may be thought to have a wrong clock.
      askedAtMs = Number.NEGATIVE_INFINITY;
      return null;
    }
    if (question === null && clock.monotonicMs() - askedAtMs >= QUESTION_INTERVAL_MS) {
      question = ask(signal).finally(() => {
        question = null;
      });
    }
    await question;
    return cloudClock.isTooFar() ? tooFar(cloudClock.offsetMs() ?? 0) : null;
  };
}

/** Why nothing is signed, for people. */
export function clockSkewText(offsetMs: number): string {
  const seconds = Math.round(Math.abs(offsetMs) / 1000);
  const direction = offsetMs > 0 ? "behind" : "ahead of";
  return `this worker's clock is ${seconds} s ${direction} the cloud's, which refuses such signatures`;
}

function tooFar(offsetMs: number): { readonly kind: "unavailable" } & Unavailable {
  return {
    kind: "unavailable",
    waitsFor: "clock-skew",
    cloudCode: null,
    message: clockSkewText(offsetMs),
    retryAfterMs: null,
    heldBack: true,
  };
}
