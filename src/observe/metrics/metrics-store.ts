import type { Gauge } from "prom-client";
import { Brake } from "../../contract/brakes.ts";
import type { CallStatus } from "../../contract/http.ts";
import type { ProjectId } from "../../contract/ids.ts";
import {
  BRAKE_DECISIONS,
  CALL_LIMITS,
  DISK_SAMPLES,
  EPOCH_CAUSES,
  LOCK_QUANTILES,
  SLOT_STATES,
  SWEEP_RESULTS,
  LOCK_HOLDERS,
  type BrakeDecision,
  type EpochCause,
  type SweepResult,
} from "../../contract/labels.ts";
import { type Census, OPEN_PHASES } from "../../core/state/census.ts";
import {
  bounded,
  counter,
  gauge,
  histogram,
  type InstrumentsOf,
  QUICK_BUCKETS,
} from "./instruments.ts";

/** What is known from Redis alone, by what is asked together. */
type StoreGauges = "store" | "overdue" | "budget" | "redis-clock";

/** Their names, labels and help. */
export const STORE_METRICS = {
  budgetLeft: gauge(
    "budget_left_ratio",
    "Of the requests that may go to the cloud at once, the part that is left, 0 to 1, of the project that has least; 0 while the cloud lets none through.",
    {},
  ),
  callRate: gauge(
    "cloud_requests_per_second",
    "Requests a second to the cloud, all workers together: as configured, and as allowed now by what was learned of its quota.",
    { project: null, limit: CALL_LIMITS },
  ),
  evidence: gauge(
    "evidence_samples",
    "Ordinary successes that showed whether a reinstall replaces the system disk.",
    { disk: DISK_SAMPLES },
  ),
  redisClockOffset: gauge(
    "redis_clock_offset_seconds",
    "Our clock minus Redis's, of several servers the one that differs most; absent while Redis does not answer.",
    {},
  ),
  openCommands: gauge("open_commands", "Commands without an outcome, of all workers.", {
    project: null,
  }),
  phaseCommands: gauge("phase_commands", "Open commands in each phase, of all workers.", {
    phase: OPEN_PHASES,
    project: null,
  }),
  oldestCommand: gauge(
    "oldest_command_age_seconds",
    "Age of the oldest open command in each phase, since the store took it up; 0 where there is none.",
    { phase: OPEN_PHASES, project: null },
  ),
  paused: gauge("paused", "1 while an operator has paused the project.", { project: null }),
  overdue: gauge(
    "message_overdue_seconds",
    "How late the latest message of each delay queue is, by the queue's delay in ms, 0 for the work queue itself, waiting.<ms> for the delay queue of those who wait in a crowd; 0 where none is.",
    { rung: null },
  ),
  locks: gauge(
    "locks",
    "Servers that are locked: by an open reinstall of ours, by one that ended unresolved, by another service, or by something that cannot be read.",
    { holder: LOCK_HOLDERS, project: null },
  ),
  slots: gauge(
    "slots",
    "Reinstalls in work of the project, as many as may be at once by this worker's configuration, and commands that wait in line for a slot.",
    { project: null, state: SLOT_STATES },
  ),
  overdueLocks: gauge(
    "locks_overdue",
    "Our locks that are past their time: of a command that ended unresolved, or of a request that should have its outcome.",
    { project: null },
  ),
  oldestLock: gauge(
    "oldest_lock_age_seconds",
    "Age of the oldest lock, by who holds it; 0 where there is none.",
    { holder: LOCK_HOLDERS, project: null },
  ),
  lockAge: gauge("lock_age_seconds", "Age of the locks that are held, by whomever, as quantiles.", {
    quantile: LOCK_QUANTILES,
    project: null,
  }),
  storeUnreadable: counter(
    "store_unreadable_total",
    "Times that a command had to wait because a key of the store holds what nobody can read.",
    {},
  ),
  brake: gauge(
    "brake",
    "1 while a brake holds commands of the project: a pause of any scope, a protected server, a storm, windows that are closed.",
    {
      brake: Brake.options,
      project: null,
    },
  ),
  brakeDecisions: counter(
    "brake_decisions_total",
    "Times that a brake did not let a command go on, each try counted; by a mark of the server in the cloud, each event that says so.",
    { brake: Brake.options, decision: BRAKE_DECISIONS, project: null },
  ),
  pausesPutBack: counter(
    "pauses_put_back_total",
    "Pauses that Redis had lost, and that a worker put back from its memory.",
    {},
  ),
  locksPutBack: counter(
    "locks_put_back_total",
    "Locks of unresolved servers that Redis had lost, and that a worker put back from its memory.",
    {},
  ),
  swept: counter("swept_total", "Commands that stopped moving, and what became of them.", {
    result: SWEEP_RESULTS,
    project: null,
  }),
  epochs: counter(
    "epoch_changes_total",
    "Times that this worker saw another memory of Redis, of each project: its first look, the data is gone, or another process answers.",
    { cause: EPOCH_CAUSES, project: null },
  ),

  redisCallSeconds: histogram(
    "redis_call_seconds",
    "Duration of a call to Redis, by script, whatever it answers; `probe`: the look of every second, which asks for a key and the time.",
    { call: null },
    QUICK_BUCKETS,
  ),
} as const;

/** What Redis holds, and what befell it. */
export interface StoreMetrics {
  /** How fast requests may go to the cloud, and what is left of those that may go at once. */
  callRates(rates: readonly CallStatus[]): void;
  /** The samples that "same disk proves it" rests on, of all regions and volume types that this worker saw. */
  evidenceSamples(samples: { readonly replaced: number; readonly kept: number }): void;
  /** Our clock minus Redis's. */
  redisClockOffset(seconds: number): void;
  /**
   * Nobody can say any more what these gauges showed last: they go from the page until they are set again. An alert must
   * not stand on, or rest on, what a store said that is away.
   */
  unknown(gauges: StoreGauges): void;
  /** What the store holds, by project. */
  store(seen: Census): void;
  /** How late the latest message of each delay queue is: seconds, by the delay in ms; 0 is the work queue itself. */
  overdue(seconds: ReadonlyMap<string, number>): void;
  /** A key of ours held what nobody can read, and kept a command waiting. */
  storeUnreadable(): void;
  /** Does a brake hold commands of this project now? */
  brake(name: Brake, project: ProjectId, holds: boolean): void;
  /** A brake did not let a command go on. */
  brakeDecision(name: Brake, decision: BrakeDecision, project: string): void;
  /** Pauses that the store had lost are in it again. */
  pausesPutBack(count: number): void;
  /** Locks of unresolved servers that the store had lost are in it again. */
  locksPutBack(count: number): void;
  swept(result: SweepResult, project: string): void;
  epochChanged(cause: EpochCause, project: string): void;
  /** Redis answered, or did not in time: `call` is the name of a script, or `probe`. */
  redisCall(call: string, seconds: number): void;
}

/** Sets and counts them on the instruments. */
export function storeMetrics(
  m: InstrumentsOf<typeof STORE_METRICS>,
  ours: (project: string) => string,
): StoreMetrics {
  const known = bounded();
  const storeGauges = {
    store: [
      m.openCommands,
      m.paused,
      m.phaseCommands,
      m.oldestCommand,
      m.locks,
      m.oldestLock,
      m.overdueLocks,
      m.slots,
      m.lockAge,
      m.evidence,
    ],
    overdue: [m.overdue],
    budget: [m.budgetLeft, m.callRate],
    "redis-clock": [m.redisClockOffset],
  } as const satisfies Record<StoreGauges, readonly Gauge[]>;
  for (const gauge of Object.values(storeGauges).flat()) forget(gauge);

  return {
    callRates(rates) {
      m.budgetLeft.set(Math.min(1, ...rates.map(({ left }) => left)));
      for (const { projectId: project, perSecond, configuredPerSecond } of rates) {
        m.callRate.set({ project, limit: "configured" }, configuredPerSecond);
        m.callRate.set({ project, limit: "allowed" }, perSecond);
      }
    },
    evidenceSamples({ replaced, kept }) {
      m.evidence.set({ disk: "replaced" }, replaced);
      m.evidence.set({ disk: "kept" }, kept);
    },
    redisClockOffset: (seconds) => m.redisClockOffset.set(seconds),
    unknown(gauges) {
      for (const gauge of storeGauges[gauges]) forget(gauge);
    },
    store(seen) {
      for (const [project, one] of seen) {
        m.openCommands.set({ project }, one.openCommands);
        m.paused.set({ project }, one.paused ? 1 : 0);
        for (const holder of LOCK_HOLDERS) {
          const { locks, oldestSeconds } = one.locks[holder];
          m.locks.set({ holder, project }, locks);
          m.oldestLock.set({ holder, project }, oldestSeconds);
        }
        m.overdueLocks.set({ project }, one.overdueLocks);
        for (const state of SLOT_STATES) m.slots.set({ project, state }, one.slots[state]);
        const ages = one.lockAgesSeconds.toSorted((a, b) => a - b);
        for (const quantile of LOCK_QUANTILES)
          m.lockAge.set({ quantile, project }, quantileOf(ages, quantile));
        for (const phase of OPEN_PHASES) {
          const { commands, oldestSeconds } = one.phases.get(phase) ?? NONE;
          m.phaseCommands.set({ phase, project }, commands);
          m.oldestCommand.set({ phase, project }, oldestSeconds);
        }
      }
    },
    overdue(seconds) {
      for (const [rung, late] of seconds) m.overdue.set({ rung }, late);
    },
    storeUnreadable: () => m.storeUnreadable.inc(),
    brake: (brake, project, holds) => m.brake.set({ brake, project }, holds ? 1 : 0),
    brakeDecision: (brake, decision, project) =>
      m.brakeDecisions.inc({ brake, decision, project: ours(project) }),
    pausesPutBack: (count) => m.pausesPutBack.inc(count),
    locksPutBack: (count) => m.locksPutBack.inc(count),
    swept: (result, project) => m.swept.inc({ result, project: ours(project) }),
    epochChanged: (cause, project) => m.epochs.inc({ cause, project: ours(project) }),
    redisCall: (call, seconds) => m.redisCallSeconds.observe({ call: known(call) }, seconds),
  };
}

/** Without a value, which a gauge without labels has from the start and after `reset()`: it would read 0. */
function forget(gauge: Gauge): void {
  gauge.reset();
  gauge.remove({});
}

/** In a phase where nothing is. */
const NONE = { commands: 0, oldestSeconds: 0 };

/** By nearest rank; 0 of nothing. */
function quantileOf(ascending: readonly number[], quantile: `0.${number}`): number {
  return ascending[Math.ceil(Number(quantile) * ascending.length) - 1] ?? 0;
}
