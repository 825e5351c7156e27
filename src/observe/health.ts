import type { DependencyHealth, HealthSource } from "../contract/http.ts";
import type { Overdue } from "./in-hand.ts";

/** How one dependency is right now; asked whenever somebody wants to know. */
export interface Probe {
  readonly name: string;
  readonly check: () => {
    readonly state: DependencyHealth["state"];
    readonly detail: string | null;
    readonly page?: string;
  };
}

/**
 * Health from probes, with the instant since when each is as it is, and whether a delivery in hand hangs (`overdue`).
 * Answers from memory.
 */
export function createHealth(
  probes: readonly Probe[],
  nowMs: () => number,
  overdue: () => Overdue | null,
): HealthSource & { allUp(): boolean } {
  const seen = new Map<string, DependencyHealth>();

  function dependencies(): DependencyHealth[] {
    return probes.map(({ name, check }) => {
      const found = check();
      const before = seen.get(name);
      const sinceMs = before?.state === found.state ? before.sinceMs : nowMs();
      const health: DependencyHealth = { name, sinceMs, ...found };
      seen.set(name, health);
      return health;
    });
  }

  return {
    // Everything this process needs comes back by itself, and what it cannot live with ends it by an exception. What is left
    // is a step that waits for something that never comes.
    hangs() {
      const hanging = overdue();
      if (hanging === null) return null;
      const { queue, seconds, limitSeconds } = hanging;
      return `a delivery of the queue "${queue}" is in hand for ${seconds} s; no step takes more than ${limitSeconds} s`;
    },
    dependencies,
    allUp: () => dependencies().every(mayWork),
  };
}

/** Up, degraded, or not tested yet: a worker must be able to start, and to take another's place, while the cloud is away. */
export function mayWork({ state }: Pick<DependencyHealth, "state">): boolean {
  return ["up", "degraded", "untested"].includes(state);
}

/** What stops commands: all of them, or those that its `detail` is about. */
export function troubleOf(health: Pick<HealthSource, "dependencies">): readonly DependencyHealth[] {
  return health.dependencies().filter(({ state, page }) => state === "down" || page !== undefined);
}

/** What is away. */
export function downOf(health: Pick<HealthSource, "dependencies">): readonly DependencyHealth[] {
  return health.dependencies().filter(({ state }) => state === "down");
}
