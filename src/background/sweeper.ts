import type { Clock } from "../steps/ports/clock.ts";

/** What a sweep does, when it may be done, and who is informed. */
export interface SweeperOptions {
  /** One sweep; answers how many commands it touched. */
  readonly sweep: (signal: AbortSignal) => Promise<number>;
  /** Is everything there that moves commands? */
  readonly isSteady: () => boolean;
  readonly intervalMs: number;
  /** Everything must have been there for this long: after an outage the messages move by themselves first. */
  readonly steadyMs: number;
  readonly clock: Clock;
  readonly onSwept: (count: number) => void;
  readonly onError: (error: unknown) => void;
}

/** Sweeps now and then, while the world is in order. */
export function createSweeper(options: SweeperOptions): { start(): void; stop(): void } {
  const { clock, intervalMs, steadyMs } = options;
  const stopping = new AbortController();
  let steadySince: number | null = null;
  let started = false;

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(intervalMs, stopping.signal);
      if (stopping.signal.aborted) return;
      steadySince = options.isSteady() ? (steadySince ?? clock.monotonicMs()) : null;
      if (steadySince === null || clock.monotonicMs() - steadySince < steadyMs) continue;
      try {
        options.onSwept(await options.sweep(stopping.signal));
      } catch (error) {
        options.onError(error);
      }
    }
  }

  return {
    start() {
      if (started || stopping.signal.aborted) return;
      started = true;
      void run();
    },
    stop: () => stopping.abort(),
  };
}
