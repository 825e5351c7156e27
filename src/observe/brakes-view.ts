import { brakeOf, STORMS } from "../contract/brakes.ts";
import type { Census } from "../core/state/census.ts";
import type { ProjectId } from "../contract/ids.ts";
import type { BrakeStatus, BrakesView, CallStatus } from "../contract/http.ts";
import { type Closed, describeClosed } from "../core/brakes/windows.ts";
import type { StandingPause } from "../steps/ports/pauses.ts";
import type { Logger } from "./logging/logger.ts";
import type { Metrics } from "./metrics/metrics.ts";

/** What is known of the pauses, from memory. */
export interface PauseWatch {
  readonly projects: readonly ProjectId[];
  readonly pausedByConfiguration: boolean;
  /** This worker's windows are closed now; null: they are open. */
  readonly closed: () => Closed | null;
  readonly standing: () => readonly StandingPause[];
  readonly keptOff: () => readonly StandingPause[];
  readonly readAtMs: () => number | null;
  readonly refresh: () => Promise<boolean>;
}

/** Keeps the last count of what the store holds. */
export interface CensusKeeper {
  onCensus(census: Census): void;
  onCalls(calls: readonly CallStatus[]): void;
}

/** The brakes that hold something, for the read API: the pauses in memory, and this worker's own by configuration. */
export function createBrakesView(watch: PauseWatch): BrakesView & CensusKeeper {
  const { projects } = watch;
  let counted: Census = new Map();
  let calls: readonly CallStatus[] = [];
  return {
    onCensus(census) {
      counted = census;
    },
    onCalls(asked) {
      calls = asked;
    },
    calls: () => calls,
    slots: () => [...counted].map(([projectId, { slots }]) => ({ projectId, ...slots })),
    readAtMs: watch.readAtMs,
    refresh: watch.refresh,
    holding: () => [
      ...ownBrakes(watch).flatMap((own) => projects.map((projectId) => ({ projectId, ...own }))),
      ...watch.standing().map(statusOf),
    ],
    keptOff: () =>
      watch.keptOff().map((one) => ({ ...statusOf(one), untilMs: one.entry.untilMs ?? 0 })),
  };
}

function statusOf({ project, scope, entry }: StandingPause): BrakeStatus {
  const { by, atMs, reason } = entry;
  // An entry that cannot be read is of no time.
  const sinceMs = atMs === 0 ? null : atMs;
  return { brake: brakeOf(scope), projectId: project, scope, by, sinceMs, reason };
}

/** Of each project, by this worker's configuration. */
function ownBrakes({ pausedByConfiguration, closed }: PauseWatch) {
  const own = { scope: "configuration", by: null, sinceMs: null } as const;
  const windows = closed();
  return [
    ...(pausedByConfiguration ? [{ ...own, brake: "pause", reason: null }] : []),
    ...(windows === null ? [] : [{ ...own, brake: "windows", reason: describeClosed(windows) }]),
  ];
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
      const held = new Set(view.holding().map(({ brake, projectId }) => `${brake} ${projectId}`));
      for (const project of projects) {
        for (const brake of ["pause", "protected", "windows", ...STORMS] as const) {
          metrics.brake(brake, project, held.has(`${brake} ${project}`));
        }
      }
    },
    onChanged: ({ project, scope, entry: { on, by, reason, atMs } }: StandingPause): void => {
      const fields = { project, scope, by, reason, at: new Date(atMs).toISOString() };
      logger.warn(
        { brake: brakeOf(scope), ...fields },
        on ? "a brake is set" : "a brake is lifted",
      );
    },
    onPutBack: (project: ProjectId, count: number): void => {
      metrics.pausesPutBack(count);
      logger.error({ project, count }, "redis had lost pauses or protections; they are put back");
    },
  };
}
