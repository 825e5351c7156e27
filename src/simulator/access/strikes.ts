import type { Settings } from "../options.ts";
import type { Schedule } from "../cloud/schedule.ts";

/**
 * Counts consecutive failures of a key or a user and locks it after too many: more than five, for five minutes
 * (ECS API reference notes §6.3). Failures during a lock do not make it longer.
 */
export function createStrikes(
  { lockAfterFailures, lockDurationMs }: Pick<Settings, "lockAfterFailures" | "lockDurationMs">,
  schedule: Schedule,
) {
  const failures = new Map<string, number>();
  const lockedUntilMs = new Map<string, number>();

  return {
    isLocked(name: string): boolean {
      return (lockedUntilMs.get(name) ?? -Infinity) > schedule.nowMs();
    },

    failed(name: string): void {
      const count = (failures.get(name) ?? 0) + 1;
      if (count > lockAfterFailures) {
        lockedUntilMs.set(name, schedule.nowMs() + lockDurationMs);
        failures.delete(name);
      } else {
        failures.set(name, count);
      }
    },

    /** Forgets the failures and lifts a lock. */
    succeeded(name: string): void {
      failures.delete(name);
      lockedUntilMs.delete(name);
    },

    clear(): void {
      failures.clear();
      lockedUntilMs.clear();
    },
  };
}
