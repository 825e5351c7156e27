import type { Clock } from "../steps/ports/clock.ts";
import { type BackgroundTask, createTask } from "./task.ts";

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
export function createSweeper(options: SweeperOptions): BackgroundTask {
  const { clock, intervalMs, steadyMs } = options;
  let steadySince: number | null = null;

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(intervalMs, signal);
      if (signal.aborted) return;
      steadySince = options.isSteady() ? (steadySince ?? clock.monotonicMs()) : null;
      if (steadySince === null || clock.monotonicMs() - steadySince < steadyMs) continue;
      try {
        options.onSwept(await options.sweep(signal));
      } catch (error) {
        options.onError(error);
      }
    }
  }

  return createTask(run);
}
