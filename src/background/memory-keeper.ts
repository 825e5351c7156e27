import type { ProjectId } from "../contract/ids.ts";
import { changeOf, firstSeen, type MemoryChange, type MemorySeen } from "../core/store-memory.ts";
import type { Clock } from "../steps/ports/clock.ts";
import type { StoreMemoryWatch } from "../steps/ports/store-memory.ts";
import { type BackgroundTask, createTask } from "./task.ts";

/** Whose memory is watched, how often, and who is informed. */
export interface MemoryKeeperOptions {
  readonly store: StoreMemoryWatch;
  readonly projects: readonly ProjectId[];
  readonly clock: Clock;
  /** A store that forgot must be asked twice before it gives locks again. */
  readonly intervalMs: number;
  /** Did the internal queues exist before this worker? Null: not known yet. */
  readonly queuesExisted: () => boolean | null;
  readonly onChanged: (change: MemoryChange) => void;
}

/**
 * Asks the store now and then which memory it has, so that a loss is noticed when nothing runs, too; and keeps the locks
 * that no message carries (brakes.md §6). It has seen nothing yet; `start` makes it look at once and then every `intervalMs`.
 */
export function createMemoryKeeper(options: MemoryKeeperOptions): BackgroundTask {
  const { store, projects, clock, intervalMs } = options;
  const seen = new Map<ProjectId, MemorySeen>();
  const looks = new Map<ProjectId, number>();
  /** Those of which it is known what they were when they were seen first. */
  const judged = new Set<ProjectId>();

  async function look(project: ProjectId): Promise<void> {
    const before = seen.get(project) ?? null;
    const answer = await store.look(project, before);
    // Readiness and the log have the reason: every step asks the same store.
    if (answer.kind !== "seen") return;
    const { memory: now, putBack } = answer;
    seen.set(project, now);
    looks.set(project, (looks.get(project) ?? 0) + 1);
    const cause = before === null ? null : changeOf(before, now);
    if (cause === null) return;
    judged.add(project);
    options.onChanged({ project, cause, before, now, putBack });
  }

  function judgeFirst(): void {
    for (const [project, now] of seen) {
      if (judged.has(project)) continue;
      const others = [...seen].flatMap(([id, one]) => (id === project ? [] : [one]));
      const cause = firstSeen(now, others, {
        queuesExisted: options.queuesExisted(),
        looks: looks.get(project) ?? 0,
      });
      if (cause === null) continue;
      judged.add(project);
      options.onChanged({ project, cause, before: null, now, putBack: new Map() });
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await Promise.all(projects.map(look));
      judgeFirst();
      await clock.sleep(intervalMs, signal);
    }
  }

  return createTask(run);
}
