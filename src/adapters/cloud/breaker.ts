import type { BreakerState } from "../../contract/labels.ts";

/*
 * Own code, not cockatiel: its breaker reads `Date.now()`, so a clock that jumps opens or closes it and no
 * test can step it; it knows results as exceptions, and we return them; it does not say how long it stays open.
 */

/** `go`: leave to send one request; `leave` must be called exactly once, with its result and, for people, why. */
type EndpointEntry =
  | { readonly kind: "go"; leave(result: EndpointResult, why?: string): void }
  | { readonly kind: "wait"; readonly ms: number };

/** `neither`: says nothing about it (we aborted, never sent, or were turned away beside others that were answered). */
export type EndpointResult = "alive" | "down" | "neither";

export interface EndpointBreaker {
  enter(): EndpointEntry;
  /** Would `enter` let one through now? Takes no pass. */
  waitMs(): number;
  /** It is closed, and has answered within the last seconds: whom it turns away now it does not turn away for being down. */
  answersNow(): boolean;
  state(): BreakerState;
  /** `lived`: it has answered, and nothing is known against it; `why`: what the last request met that got no answer. */
  seen(): { readonly lived: boolean; readonly why: string | null };
}

/** A pause doubles with each probe that fails, up to so many times the first. */
const MAX_FACTOR = 8;
/** Who is turned away within so long of an answer is turned away beside it. */
const BESIDE_MS = 30_000;
/** What the others wait while one request tries a half-open endpoint. */
const PROBE_WAIT_MS = 1_000;

/**
 * Opens after `failures` consecutive signs that an endpoint is down; after a pause lets one request through,
 * which decides. `nowMs` is monotonic.
 */
export function createEndpointBreaker(
  options: { readonly failures: number; readonly openMs: number },
  nowMs: () => number,
): EndpointBreaker {
  let failures = 0;
  let openUntilMs: number | null = null;
  let factor = 1;
  let probing = false;
  let lived = false;
  let answeredMs = Number.NEGATIVE_INFINITY;
  let why: string | null = null;

  function opened(): void {
    lived = false;
    openUntilMs = nowMs() + options.openMs * factor;
    factor = Math.min(factor * 2, MAX_FACTOR);
  }

  function waitMs(): number {
    if (openUntilMs === null) return 0;
    const leftMs = openUntilMs - nowMs();
    if (leftMs > 0) return Math.ceil(leftMs);
    return probing ? Math.min(PROBE_WAIT_MS, options.openMs) : 0;
  }

  return {
    enter() {
      const ms = waitMs();
      if (ms > 0) return { kind: "wait", ms };
      const probe = openUntilMs !== null;
      if (probe) probing = true;
      return {
        kind: "go",
        leave(result, message = "") {
          if (probe) probing = false;
          if (result === "alive") {
            lived = true;
            answeredMs = nowMs();
            why = null;
            failures = 0;
            openUntilMs = null;
            factor = 1;
          } else if (result === "down") {
            failures += 1;
            why = message;
            // A request from before the breaker opened must not lengthen its pause.
            if (probe || (openUntilMs === null && failures >= options.failures)) opened();
          }
        },
      };
    },
    waitMs,
    answersNow: () => openUntilMs === null && nowMs() - answeredMs < BESIDE_MS,
    state() {
      if (openUntilMs === null) return "closed";
      return openUntilMs > nowMs() ? "open" : "half-open";
    },
    seen: () => ({ lived, why }),
  };
}
