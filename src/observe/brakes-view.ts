import type { ProjectId } from "../contract/ids.ts";
import type { BrakesView } from "../contract/http.ts";
import type { StandingPause } from "../steps/ports/pauses.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

/** What is known of the pauses, from memory. */
export interface PauseWatch {
  readonly projects: readonly ProjectId[];
  readonly pausedByConfiguration: boolean;
  readonly standing: () => readonly StandingPause[];
  readonly readAtMs: () => number | null;
}

/** The brakes that hold something, for the read API: the pauses in memory, and this worker's own by configuration. */
export function createBrakesView(watch: PauseWatch): BrakesView {
  const { projects, pausedByConfiguration } = watch;
  return {
    readAtMs: watch.readAtMs,
    holding: () => [
      ...(pausedByConfiguration ? projects : []).map((projectId) => ({
        brake: "pause",
        projectId,
        scope: "configuration",
        by: null,
        sinceMs: null,
        reason: null,
      })),
      ...watch.standing().map(({ project, scope, entry }) => ({
        brake: "pause",
        projectId: project,
        scope,
        by: entry.by,
        sinceMs: entry.atMs,
        reason: entry.reason,
      })),
    ],
  };
}

/** Says each pause that is set or lifted, and keeps the gauge of the brake. */
export function watchPauses(
  view: BrakesView,
  projects: readonly ProjectId[],
  metrics: Metrics,
  logger: Logger,
) {
  return {
    onRead: (): void => {
      const held = new Set(view.holding().map(({ projectId }) => projectId));
      for (const project of projects) metrics.brake("pause", project, held.has(project));
    },
    onChanged: ({ project, scope, entry: { on, by, reason, atMs } }: StandingPause): void => {
      const fields = { project, scope, by, reason, at: new Date(atMs).toISOString() };
      logger.warn(fields, on ? "reinstalls are paused" : "a pause was lifted");
    },
    onPutBack: (project: ProjectId, count: number): void => {
      metrics.pausesPutBack(count);
      logger.error({ project, count }, "redis had lost pauses; they are put back");
    },
  };
}
