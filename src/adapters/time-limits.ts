import { setMaxListeners } from "node:events";

/** The broker did not answer in time; what was asked may have happened. */
class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

/** Rejects when the work takes longer. The work goes on: whoever starts it sees to what it leaves behind. */
export async function within<T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new NoAnswerError(`${what}: no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A signal that ends with the given one or after a time, whichever comes first, and says which. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** True when it was the time that ended it. */
  readonly timedOut: () => boolean;
  /** Must be called: otherwise timer and listener stay behind. */
  readonly clear: () => void;
}

/**
 * Starts a deadline of so many milliseconds. Not `AbortSignal.any` and `AbortSignal.timeout`: on a long-lived signal the
 * first leaks in Node 20, the timer of the second keeps no process alive, and a signal that nobody holds may be collected.
 */
export function deadline(ms: number, signal: AbortSignal): Deadline {
  const controller = new AbortController();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    controller.abort();
  }, ms);
  const onAbort = () => controller.abort();
  manyMayListen(controller.signal);
  manyMayListen(signal);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  return {
    signal: controller.signal,
    timedOut: () => timedOut,
    clear() {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    },
  };
}

/** Runs the work with a signal that is aborted by the given one or by the time-out. */
export async function withDeadline<T>(
  signal: AbortSignal,
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = deadline(timeoutMs, signal);
  try {
    return await work(limit.signal);
  } finally {
    limit.clear();
  }
}

/** What the work gives; undefined when the time or the signal was faster. The work goes on. Rejects as the work does. */
export function unlessLate<T>(
  work: Promise<T>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", late);
    };
    const late = () => {
      end();
      resolve(undefined);
    };
    const timer = setTimeout(late, timeoutMs);
    if (signal.aborted) return late();
    manyMayListen(signal);
    signal.addEventListener("abort", late, { once: true });
    // oxlint-disable promise/no-callback-in-promise -- they end this promise; they are no node callbacks
    void work.finally(end).then(resolve, reject);
    // oxlint-enable promise/no-callback-in-promise
  });
}

/** Resolves after the time, or early when aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await withDeadline(signal, ms, aborted);
}

/** Resolves, never rejects, once the signal is aborted: for races, where `undefined` then means "too late". */
async function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return undefined;
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

/** A signal that a whole worker waits on is no leak: spare the log Node's warning. */
export function manyMayListen(signal: AbortSignal): void {
  setMaxListeners(0, signal);
}
