import type { BreakerState } from "../../../contract/labels.ts";
import { AuthRecord, type AuthBreakerOptions, type AuthResult, type Grant } from "./auth-record.ts";
import { ALONE, type SharedRefusals } from "./shared-refusals.ts";

/** `stale`: the credentials were replaced since; authenticate again. */
type AuthEntry =
  | { readonly kind: "go"; leave(result: AuthResult, why?: string): void }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "stale" };

/** Lets requests through as far as our credentials allow it. */
export interface AuthBreaker {
  enter(grant: Grant, signal: AbortSignal): Promise<AuthEntry>;
  /** How long it stays open for these credentials; 0: it does not hold a request back. */
  waitMs(identity: string): number;
  /** These credentials were taken: a request that did not go through here has shown it. */
  vouch(grant: Grant): void;
  state(): BreakerState;
  /** Of the credentials as they were seen last; `why`: the cloud's last refusal, until they are proven. */
  seen(): { readonly proven: boolean; readonly why: string | null };
}

/** What is answered to those who waited for a request that proved nothing. */
const UNPROVEN_WAIT_MS = 1_000;
/** How long one waits for its turn where few may go at once: it has a delivery in hand. */
const TURN_PATIENCE_MS = 5_000;

/**
 * More than five consecutive authentication failures lock the key for five minutes, for everybody who uses it
 * (ECS API notes §6.3). So: after `failures` in a row (two, of all replicas together) nothing is sent for `openMs`.
 * As long as the credentials are not proven (at the start, after a refusal, after a pause) requests go one at a time;
 * then two, then one more for each success: where the first was taken by chance, the refusals are still few.
 * A token that was taken before and is refused now has died: that is no refusal of ours. `nowMs` is monotonic.
 */
export function createAuthBreaker(
  options: AuthBreakerOptions,
  nowMs: () => number,
  shared: SharedRefusals = ALONE,
): AuthBreaker {
  const record = new AuthRecord(options, nowMs, shared);
  const unproven = { kind: "wait", ms: Math.min(UNPROVEN_WAIT_MS, options.openMs) } as const;
  /** The one request that tries credentials which are not proven. */
  let trial: Promise<void> | null = null;
  /** Requests with proven credentials that are under way. */
  let underWay = 0;
  let changed = signalOf();

  function see(identity: string): void {
    if (!record.see(identity)) return;
    [trial, underWay] = [null, 0];
    wake();
  }

  function wake(): void {
    const { resolve } = changed;
    changed = signalOf();
    resolve();
  }

  function waitMs(identity: string): number {
    see(identity);
    return record.waitMs();
  }

  function pass(grant: Grant, end: () => void): AuthEntry {
    return {
      kind: "go",
      leave(result, message = "") {
        // Who waits must not start before the other replicas can know of a refusal.
        void record.learn(grant, result, message).finally(() => {
          end();
          wake();
        });
      },
    };
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
      return unproven;
    }
    return pass(grant, () => {
      void turn.end();
      end();
    });
  }

  return {
    async enter(grant, signal) {
      let triedOnce = false;
      const patientUntilMs =
        options.atOnce === undefined ? Number.POSITIVE_INFINITY : nowMs() + TURN_PATIENCE_MS;
      for (;;) {
        if (!grant.isCurrent()) return { kind: "stale" };
        see(grant.identity);
        await record.ask(grant);
        if (!grant.isCurrent()) return { kind: "stale" };
        const ms = waitMs(grant.identity);
        if (ms > 0) return { kind: "wait", ms };
        const isProven = record.isProven(grant.proof);
        if (isProven && underWay < record.width) {
          underWay += 1;
          return pass(grant, () => {
            if (record.isKnown(grant.identity)) underWay = Math.max(0, underWay - 1);
          });
        }
        if (!isProven && trial === null) return tryAlone(grant);
        // Once is enough: with a silent cloud everybody would wait for everybody before.
        if (signal.aborted || (!isProven && triedOnce) || nowMs() >= patientUntilMs) {
          return unproven;
        }
        triedOnce ||= !isProven;
        await endOf(isProven ? changed.promise : (trial ?? changed.promise), signal);
      }
    },
    waitMs,
    vouch(grant) {
      void record.learn(grant, "proven", null).finally(wake);
    },
    state: () => record.state(),
    seen: () => ({ proven: record.anyProven, why: record.why }),
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
