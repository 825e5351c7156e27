/** Time and chance. `monotonicMs` never jumps; `sleep` resolves early, without rejecting, when aborted. */
export interface Clock {
  nowMs(): number;
  monotonicMs(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Uniform in [0, 1). */
  random(): number;
  /** A string that nobody else has: the nonce of a delivery. */
  nonce(): string;
}

/** A place in the code that a test may arm to kill, stop or fail the worker exactly there. In production: nothing. */
export type ReachPoint = (label: string) => Promise<void> | void;
