import type { BreakerState, Entry } from "./breaker.ts";

/** What a request showed about our credentials. `neither`: it never got as far as being judged. */
export type AuthResult = "proven" | "denied" | "neither";

export interface AuthBreaker {
  /** `identity` tells one set of credentials from the next: new ones start with a clean slate. */
  enter(identity: string, signal: AbortSignal): Promise<Entry<AuthResult>>;
  /** How long it stays open for these credentials; 0: it does not hold a request back. */
  waitMs(identity: string): number;
  state(): BreakerState;
}

/** What is answered to those who waited for a probe that proved nothing. */
const UNPROVEN_WAIT_MS = 1_000;

/**
 * More than five consecutive authentication failures lock the key for five minutes, for everybody who uses it
 * (ECS API notes §6.3). So: after `failures` in a row (two) nothing is sent for `openMs`, and as long as the
 * credentials are not proven (at the start, after a failure, after a pause) requests go one at a time: twenty
 * parallel requests with a wrong key would lock it before the first answer is read. `nowMs` is monotonic.
 */
export function createAuthBreaker(
  options: { readonly failures: number; readonly openMs: number },
  nowMs: () => number,
): AuthBreaker {
  let identity: string | null = null;
  let proven = false;
  let failures = 0;
  let openUntilMs: number | null = null;
  let probe: Promise<void> | null = null;

  function see(seen: string): void {
    if (seen === identity) return;
    identity = seen;
    proven = false;
    failures = 0;
    openUntilMs = null;
    probe = null;
  }

  function waitMs(seen: string): number {
    see(seen);
    return openUntilMs === null ? 0 : Math.max(0, Math.ceil(openUntilMs - nowMs()));
  }

  function learn(result: AuthResult): void {
    if (result === "proven") {
      proven = true;
      failures = 0;
      openUntilMs = null;
    } else if (result === "denied") {
      proven = false;
      failures += 1;
      if (failures >= options.failures) openUntilMs = nowMs() + options.openMs;
    }
  }

  function pass(seen: string, end: () => void): Entry<AuthResult> {
    return {
      kind: "go",
      leave(result) {
        // An answer to the old credentials says nothing about the new.
        if (seen === identity) learn(result);
        end();
      },
    };
  }

  function tryEnter(seen: string): Entry<AuthResult> | Promise<void> {
    const ms = waitMs(seen);
    if (ms > 0) return { kind: "wait", ms };
    if (proven) return pass(seen, () => {});
    if (probe !== null) return probe;
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    probe = ended;
    return pass(seen, () => {
      if (probe === ended) probe = null;
      end();
    });
  }

  return {
    async enter(seen, signal) {
      const first = tryEnter(seen);
      if (!(first instanceof Promise)) return first;
      await endOf(first, signal);
      const second = signal.aborted ? null : tryEnter(seen);
      // Once is enough: with a silent cloud everybody would wait for everybody before.
      if (second === null || second instanceof Promise) {
        return { kind: "wait", ms: Math.min(UNPROVEN_WAIT_MS, options.openMs) };
      }
      return second;
    },
    waitMs,
    state() {
      if (openUntilMs === null) return "closed";
      return openUntilMs > nowMs() ? "open" : "half-open";
    },
  };
}

function endOf(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener("abort", done);
      resolve();
    };
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", done, { once: true });
    // oxlint-disable-next-line promise/no-callback-in-promise -- `done` ends this promise; it is no node callback
    void promise.then(done);
  });
}
