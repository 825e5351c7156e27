import type { BreakerState } from "../../contract/labels.ts";
import { ALONE, type SharedRefusals } from "./shared-refusals.ts";

/** What a request showed about our credentials. */
export type AuthResult =
  | "proven"
  | "denied"
  /** Refused, and the clocks or the age of the signature explain it: says nothing about the credentials. */
  | "clock"
  /** Never got as far as being judged. */
  | "neither";

/** What one request shows the cloud of who we are. */
export interface Grant {
  /** Tells one set of credentials from the next (`identityOf`). */
  readonly identity: string;
  /** Names the credentials for all replicas without holding them (`publicNameOf`). */
  readonly sharedName: string;
  /** Tells one token from the next; under AK/SK and for a log-in the identity once more. Holds no secret. */
  readonly proof: string;
  /** Of a token, which may die at any time without a word: drops it, so that the next request fetches another. */
  readonly forget?: () => void;
  /** False once the credentials, or the token, were replaced: what comes of this request says nothing then. */
  readonly isCurrent: () => boolean;
}

/** `stale`: the credentials were replaced since; authenticate again. */
type AuthEntry =
  | { readonly kind: "go"; leave(result: AuthResult, why?: string): void }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "stale" };

export interface AuthBreaker {
  enter(grant: Grant, signal: AbortSignal): Promise<AuthEntry>;
  /** How long it stays open for these credentials; 0: it does not hold a request back. */
  waitMs(identity: string): number;
  state(): BreakerState;
  /** Of the credentials as they were seen last; `why`: the cloud's last refusal, until they are proven. */
  seen(): { readonly proven: boolean; readonly why: string | null };
}

export interface AuthBreakerOptions {
  /** Refusals in a row that open it. */
  readonly failures: number;
  readonly openMs: number;
}

/** What is answered to those who waited for a request that proved nothing. */
const UNPROVEN_WAIT_MS = 1_000;
/** After so many successes in a row requests are no longer counted out. */
const TRUSTED_WIDTH = 16;

/**
 * More than five consecutive authentication failures lock the key for five minutes, for everybody who uses it
 * (ECS API notes §6.3). So: after `failures` in a row (two, of all replicas together) nothing is sent for `openMs`.
 * As long as the credentials are not proven (at the start, after a refusal, after a pause) requests go one at a time;
 * then two, then one more for each success: where the first was taken by chance, the refusals are still few.
 * A token that was taken before and is refused now has died: that is no refusal of ours. `nowMs` is monotonic.
 */
export function createAuthBreaker(
  { failures: limit, openMs }: AuthBreakerOptions,
  nowMs: () => number,
  shared: SharedRefusals = ALONE,
): AuthBreaker {
  let known: string | null = null;
  /** The credentials were replaced since the refusals that all replicas count. */
  let replaced = false;
  const proven = new Set<string>();
  let refusals = 0;
  let why: string | null = null;
  let openUntilMs: number | null = null;
  /** The one request that tries credentials which are not proven. */
  let trial: Promise<void> | null = null;
  /** Requests with proven credentials: those under way, and how many may be. */
  let underWay = 0;
  let width = 1;
  let changed = signalOf();

  function see(identity: string): void {
    if (identity === known) return;
    replaced = known !== null;
    known = identity;
    proven.clear();
    [refusals, why, openUntilMs, trial, underWay, width] = [0, null, null, null, 0, 1];
    wake();
  }

  function wake(): void {
    const { resolve } = changed;
    changed = signalOf();
    resolve();
  }

  function waitMs(identity: string): number {
    see(identity);
    return openUntilMs === null ? 0 : Math.max(0, Math.ceil(openUntilMs - nowMs()));
  }

  function refusedOnce(total: number, forMs: number): void {
    refusals = Math.max(refusals, total);
    proven.clear();
    width = 1;
    if (refusals >= limit) openUntilMs = Math.max(openUntilMs ?? 0, nowMs() + forMs);
  }

  async function denied(grant: Grant): Promise<void> {
    refusedOnce(refusals + 1, openMs);
    const total = await shared.refused(grant.sharedName, refusals, openMs);
    if (total !== null && grant.identity === known) refusedOnce(total, openMs);
  }

  /** What the answer teaches. Resolves when the other replicas can know it. */
  async function learn(grant: Grant, result: AuthResult, message: string | null): Promise<void> {
    // An answer to the old credentials, or to a token that was replaced, says nothing about the present ones.
    if (grant.identity !== known || result === "neither") return;
    if (result === "proven") {
      const clear = refusals > 0 || openUntilMs !== null;
      [refusals, why, openUntilMs] = [0, null, null];
      proven.add(grant.proof);
      width = width + 1 >= TRUSTED_WIDTH ? Number.POSITIVE_INFINITY : width + 1;
      if (clear) await shared.proven(grant.sharedName);
      return;
    }
    if (!grant.isCurrent()) return;
    const wasProven = proven.delete(grant.proof);
    width = 1;
    if (result === "clock") return;
    // At once: the next answer may be to the same token.
    grant.forget?.();
    if (wasProven && grant.forget !== undefined) return;
    why = message;
    await denied(grant);
  }

  function pass(grant: Grant, end: () => void): AuthEntry {
    return {
      kind: "go",
      leave(result, message = "") {
        // Who waits must not start before the other replicas can know of a refusal.
        void learn(grant, result, message).finally(() => {
          end();
          wake();
        });
      },
    };
  }

  /** What the other replicas have seen. */
  async function ask(grant: Grant): Promise<void> {
    if (replaced) {
      replaced = false;
      await shared.proven(grant.sharedName);
    }
    const others = await shared.look(grant.sharedName);
    if (others === null || others.refusals === 0 || grant.identity !== known) return;
    if (others.refusals > refusals) refusedOnce(others.refusals, others.forMs);
  }

  async function tryAlone(grant: Grant): Promise<AuthEntry> {
    const ended = signalOf();
    trial = ended.promise;
    const end = () => {
      if (trial === ended.promise) trial = null;
      ended.resolve();
    };
    const turn = await shared.takeTurn(grant.sharedName);
    if (turn === null) {
      end();
      return { kind: "wait", ms: Math.min(UNPROVEN_WAIT_MS, openMs) };
    }
    return pass(grant, () => {
      void turn.end();
      end();
    });
  }

  return {
    async enter(grant, signal) {
      let triedOnce = false;
      for (;;) {
        if (!grant.isCurrent()) return { kind: "stale" };
        see(grant.identity);
        await ask(grant);
        if (!grant.isCurrent()) return { kind: "stale" };
        const ms = waitMs(grant.identity);
        if (ms > 0) return { kind: "wait", ms };
        const isProven = proven.has(grant.proof);
        if (isProven && underWay < width) {
          underWay += 1;
          return pass(grant, () => {
            if (grant.identity === known) underWay = Math.max(0, underWay - 1);
          });
        }
        if (!isProven && trial === null) return tryAlone(grant);
        // Once is enough: with a silent cloud everybody would wait for everybody before.
        if (signal.aborted || (!isProven && triedOnce)) {
          return { kind: "wait", ms: Math.min(UNPROVEN_WAIT_MS, openMs) };
        }
        triedOnce ||= !isProven;
        await endOf(isProven ? changed.promise : (trial ?? changed.promise), signal);
      }
    },
    waitMs,
    state() {
      if (openUntilMs === null) return "closed";
      return openUntilMs > nowMs() ? "open" : "half-open";
    },
    seen: () => ({ proven: proven.size > 0, why }),
  };
}

interface Signal {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function signalOf(): Signal {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
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
