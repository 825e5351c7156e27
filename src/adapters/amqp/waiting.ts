import { setMaxListeners } from "node:events";

/** The broker did not answer in time; what was asked may have happened. */
export class NoAnswerError extends Error {
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

/**
 * Runs the work with a signal that is aborted by the given one or by the time-out. By hand, because
 * `AbortSignal.timeout` does not keep the process alive and `AbortSignal.any` on a long-lived signal leaks in Node 20.
 */
export async function withDeadline<T>(
  signal: AbortSignal,
  timeoutMs: number,
  work: (deadline: AbortSignal) => Promise<T>,
): Promise<T> {
  const both = new AbortController();
  const abort = () => both.abort();
  manyMayListen(both.signal);
  if (signal.aborted) abort();
  manyMayListen(signal);
  signal.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(abort, timeoutMs);
  try {
    return await work(both.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

/** Resolves after the time, or early when aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await withDeadline(signal, ms, aborted);
}

/** Resolves, never rejects, once the signal is aborted: for races, where `undefined` then means "too late". */
export async function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return undefined;
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

/** A signal that a whole worker waits on is no leak: spare the log Node's warning. */
export function manyMayListen(signal: AbortSignal): void {
  setMaxListeners(0, signal);
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
