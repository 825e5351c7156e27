import type { ProjectId } from "../../contract/ids.ts";
import type { LockHolder } from "../../contract/labels.ts";
import { TRANSITIONS } from "./transitions.ts";

/**
 * Where an open command stands. `done`: it has its outcome, which the broker has not confirmed yet. `other`: a phase of
 * another version of us.
 */
export const OPEN_PHASES = [
  ...(Object.keys(TRANSITIONS) as (keyof typeof TRANSITIONS)[]),
  "done",
  "other",
] as const;
/** One of {@link OPEN_PHASES}. */
export type OpenPhase = (typeof OPEN_PHASES)[number];

/** What the store holds, for gauges, by project: each that was asked for. */
export type Census = ReadonlyMap<ProjectId, ProjectCensus>;

/** Ages in seconds, by Redis's clock: every worker sees the same. */
export interface ProjectCensus {
  readonly openCommands: number;
  /** Open commands of each phase that has any. */
  readonly phases: ReadonlyMap<OpenPhase, PhaseCensus>;
  /** The whole of it is paused: by an operator, or by configuration. */
  readonly paused: boolean;
  /** By who holds them. */
  readonly locks: Readonly<Record<LockHolder, LockCensus>>;
  /**
   * Our locks that are past their time: of a command that ended `unresolved`, or whose request is with the cloud for
   * longer than a job may take. Never another service's: how long its operation takes is its own affair.
   */
  readonly overdueLocks: number;
  /** Of every lock, in no order. */
  readonly lockAgesSeconds: readonly number[];
  readonly slots: SlotCensus;
}

/** The slots of one project (docs/adr/0007). */
export interface SlotCensus {
  /** Commands in work. More than the cap after it was lowered, or after the store was emptied. */
  readonly taken: number;
  /** As the worker that counts has it configured; a storm of failures may leave fewer. */
  readonly cap: number;
  /** Commands that nothing holds but the cap. */
  readonly waiting: number;
}

/** The locks of one kind of holder. */
export interface LockCensus {
  readonly locks: number;
  /** 0 when there is none. */
  readonly oldestSeconds: number;
}

/** The open commands of one phase. */
export interface PhaseCensus {
  readonly commands: number;
  /** Since the store took it up: when it was admitted, or put back after the store had forgotten it. */
  readonly oldestSeconds: number;
}
