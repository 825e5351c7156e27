/** A signal that ends with `signal` or after `ms`, whichever comes first, and says which. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** True when it was the time that ended it. */
  readonly timedOut: () => boolean;
  /** Must be called: otherwise timer and listener stay behind. */
  readonly clear: () => void;
}

/** Not `AbortSignal.any` and `AbortSignal.timeout`: their timer keeps no process alive, and a signal that nobody holds may be collected. */
export function deadline(ms: number, signal: AbortSignal): Deadline {
  const controller = new AbortController();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    controller.abort();
  }, ms);
  const onAbort = () => controller.abort();
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
