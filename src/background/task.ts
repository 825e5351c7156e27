/** Work that goes on beside the deliveries. Started at most once; once stopped, it never starts. */
export interface BackgroundTask {
  start(): void;
  stop(): void;
}

/** A task that runs until `signal`, which `stop` aborts; it handles its own errors. */
export function createTask(run: (signal: AbortSignal) => Promise<void>): BackgroundTask {
  const stopping = new AbortController();
  let started = false;
  return {
    start() {
      if (started || stopping.signal.aborted) return;
      started = true;
      void run(stopping.signal);
    },
    stop: () => stopping.abort(),
  };
}
