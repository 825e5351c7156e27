import type { BreakerState } from "../../../contract/labels.ts";
import { AuthRecord, type AuthBreakerOptions, type AuthResult, type Grant } from "./auth-record.ts";
import { ALONE, type SharedRefusals } from "./shared-refusals.ts";
import { withReason } from "../with-reason.ts";

/** `stale`: the credentials were replaced since; authenticate again. */
export type AuthEntry =
  /** `leave`: exactly once; gives whether it counts as a refusal of our credentials. */
  | { readonly kind: "go"; readonly leave: (result: AuthResult, why?: string) => boolean }
  /** `why`: for people. */
  | { readonly kind: "wait"; readonly ms: number; readonly why: string }
  | { readonly kind: "stale" };

/** Lets requests through as far as our credentials allow it. */
export interface AuthBreaker {
  enter(grant: Grant, signal: AbortSignal): Promise<AuthEntry>;
  /** For people, while it is open: why it holds requests back. */
  whyHeld(): string;
  /** How long it stays open for these credentials; 0: it does not hold a request back. */
  waitMs(identity: string): number;
  /** While it is open: closes it if it was opened only by what others were refused, and they are taken again. */
  review(sharedName: string): Promise<void>;
  /** These credentials were taken: a request that did not go through here has shown it. */
  vouch(grant: Grant): void;
  state(): BreakerState;
  /** Of the credentials as they were seen last; `why`: the cloud's last refusal, until they are proven. */
  seen(): { readonly proven: boolean; readonly why: string | null };
}

const REFUSED = "held back: the cloud does not accept our credentials";
const UNPROVEN = "held back: the cloud has not accepted our credentials yet";
const UNANSWERED = "held back until the cloud answers one request well";
const BEHIND = "held back: requests before it are not answered yet";
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

  const waitABit = (why: string) =>
    ({ kind: "wait", ms: Math.min(UNPROVEN_WAIT_MS, options.openMs), why }) as const;
  const whyHeld = () => withReason(REFUSED, record.why);

  function pass(grant: Grant, end: () => void | Promise<void>): AuthEntry {
    async function learn(result: AuthResult, message: string | null): Promise<void> {
      try {
        await record.learn(grant, result, message);
      } finally {
        // Who waits must not start before the other replicas can know of a refusal.
        await end();
        wake();
      }
    }
    return {
      kind: "go",
      leave(result, message) {
        const isRefusal = result === "denied" && record.isRefusal(grant);
        void learn(result, message || null);
        return isRefusal;
      },
    };
  }

  async function tryAlone(grant: Grant, signal: AbortSignal): Promise<AuthEntry> {
    const ended = signalOf();
    trial = ended.promise;
    const end = () => {
      if (trial === ended.promise) trial = null;
      ended.resolve();
    };
    const turn = await shared.takeTurn(grant.sharedName, signal);
    if (turn === null) {
      end();
      return waitABit(unproven(record, "another worker is trying them"));
    }
    // Before anybody who waits here asks for a turn: he would find it taken.
    const over = () => turn.end().finally(end);
    await record.ask(grant);
    const ms = waitMs(grant.identity);
    if (ms === 0 && grant.isCurrent()) return pass(grant, over);
    await over();
    return ms > 0 ? { kind: "wait", ms, why: whyHeld() } : { kind: "stale" };
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
        if (ms > 0) return { kind: "wait", ms, why: whyHeld() };
        const isProven = record.isProven(grant.proof);
        if (isProven && underWay < record.width) {
          underWay += 1;
          return pass(grant, () => {
            if (record.isKnown(grant.identity)) underWay = Math.max(0, underWay - 1);
          });
        }
        if (!isProven && trial === null) return tryAlone(grant, signal);
        // Once is enough: with a silent cloud everybody would wait for everybody before.
        if (signal.aborted || (!isProven && triedOnce) || nowMs() >= patientUntilMs) {
          const why = isProven ? BEHIND : unproven(record, "another request is trying them");
          return waitABit(why);
        }
        triedOnce ||= !isProven;
        await endOf(isProven ? changed.promise : (trial ?? changed.promise), signal);
      }
    },
    waitMs,
    whyHeld,
    async review(sharedName) {
      await record.review(sharedName);
      wake();
    },
    vouch(grant) {
      void record.learn(grant, "proven", null).finally(wake);
    },
    state: () => record.state(),
    seen: () => ({ proven: record.anyProven, why: record.why }),
  };
}

/** Who waited hears what the others met: a person reads no more than that. */
function unproven({ met, why }: AuthRecord, otherwise: string): string {
  return met === null
    ? withReason(UNPROVEN, why ?? otherwise)
    : withReason(UNANSWERED, `the last try: ${met}`);
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
