import type { UserDataCheck } from "./intake/user-data.ts";

/** The policy of the protocol: every limit that a decision depends on. Milliseconds throughout. */
export interface Rules {
  /** The delay ladder, ascending; one delay queue each. */
  readonly ladderMs: readonly number[];
  /** From the POST that was accepted, or that nobody answered, to `unresolved`. */
  readonly jobDeadlineMs: number;
  /** Q: this long after its signing time a request is dead wherever it is. */
  readonly postFenceMs: number;
  /** Does the cloud refuse a request whose signature is old? False with tokens: then no fence ever passes. */
  readonly requestsExpire: boolean;
  /** The lock is kept this long after success. */
  readonly settleMs: number;
  /** After that, a reinstalled server is asked for this long until it answers; null: it is not asked. */
  readonly readyTimeoutMs: number | null;
  /** An `unresolved` server is looked at for this long; 0: not at all. */
  readonly unresolvedWatchMs: number;
  /** POSTs that may have reached the cloud, at most, for one command. */
  readonly maxSubmissions: number;
  /** A soft stop that takes longer is followed by a hard one. */
  readonly softStopMs: number;
  /** A server that does not stop within this is given up. */
  readonly stopDeadlineMs: number;
  readonly stopRunning: "always" | "when-asked";
  readonly stopBy: "worker" | "cloud";
  /** Whether a server runs after its command: as it was found, always, or as the cloud leaves it. */
  readonly powerAfter: "as-found" | "on" | "untouched";
  /** A server that does not start within this is left off, and the final event says so. */
  readonly startDeadlineMs: number;
  /** A server that we stopped is off for this long, at most, while the cloud refuses its reinstall for now. */
  readonly stoppedWaitMs: number;
  /** `marked`: only servers that carry the mark `allowed` in the cloud are reinstalled. */
  readonly allow: "any" | "marked";
  /** What a `user_data` that would be ignored comes to. */
  readonly userDataCheck: UserDataCheck;
  /** Local clock against the cloud's, at most. */
  readonly maxClockOffsetMs: number;
  /** A signature older than this is not sent any more. */
  readonly signatureMaxAgeMs: number;
}

/**
 * From when on a request is dead wherever it is; null: never. `signedAtMs` is what its signature says, null for a
 * token; undefined when that is not known: it may have been signed at any time up to now.
 */
export function fenceOf(
  signedAtMs: number | null | undefined,
  { nowMs, rules }: { readonly nowMs: number; readonly rules: Rules },
): number | null {
  if (signedAtMs === null || !rules.requestsExpire) return null;
  return (signedAtMs ?? nowMs) + rules.postFenceMs;
}

/**
 * After the fence, an idle server with its old disk must stay so this long before "not carried out" is
 * concluded: a request that arrived in the last second of its signature may run without showing it
 * (ECS API notes §3.5: the status need not read REBUILD). A third of Q: 6 minutes at the default of 18.
 */
export function quietMs(rules: Rules): number {
  return rules.postFenceMs / 3;
}
