import { collectDefaultMetrics, type Gauge, Registry } from "prom-client";
import { type Operation, type RequestOutcome } from "../contract/labels.ts";
import { LOCK_HOLDERS } from "../contract/labels.ts";
import { type Census, OPEN_PHASES } from "../core/census.ts";
import type { Brake } from "../contract/brakes.ts";
import type { EventName, FinalEventName, WaitReason } from "../contract/event.ts";
import type { ProjectId } from "../contract/ids.ts";
import type { ImplausibleStamp } from "../core/sent-at.ts";
import type { Phase } from "../core/state.ts";
import { createInstruments } from "./instruments.ts";
import { LOCK_QUANTILES, MEASURED_QUEUES, POLICY_KEYS } from "../contract/labels.ts";
import type {
  BrakeDecision,
  Breaker,
  BreakerState,
  DeliveryEnd,
  Dependency,
  DuplicateKind,
  EpochCause,
  MeasuredQueue,
  PolicyKey,
  PublicationKind,
  PublishResult,
  QueueRole,
  ReconcileEvidence,
  ReplyEnd,
  StepOutcome,
  SubmissionKind,
  SweepResult,
} from "../contract/labels.ts";

export interface MetricsOptions {
  /** Version of the worker, for `build_info`. */
  readonly version: string;
  /** Memory, CPU, event loop and garbage collection of the process; `false` keeps a test's page small. */
  readonly processMetrics?: boolean;
  /** Values of the label `project`, those of ECS_PROJECTS; what is of no such project counts as `other`. */
  readonly projects?: readonly string[];
}

/** Everything that is counted. Each method is one fact; labels come from closed unions, so that no id becomes a time series. */
export interface Metrics {
  /** A command has its outcome. Counted where it is stored, so a repeat does not count again. */
  commandEnded(outcome: FinalEventName, project: string): void;
  /** A command failed; `errorClass` is one of the error table's. */
  commandFailed(errorClass: string, project: string): void;
  /** A reinstall succeeded: from the accepted POST to the job's end; from the fault seen to now, where the emitter told. */
  reinstalled(seconds: {
    readonly duration: number | null;
    readonly recovery: number | null;
    readonly project: string;
  }): void;
  /** A command left a phase after this long (wall clocks of two workers may make it negative: counted as 0). */
  phaseEnded(phase: Phase | "admit", seconds: number): void;
  stepEnded(phase: Phase | "admit", outcome: StepOutcome, seconds: number): void;
  waits(reason: WaitReason, project: string): void;
  duplicate(kind: DuplicateKind): void;
  /** Fields of a command that nobody knows. */
  unknownFields(count: number): void;
  implausibleTimestamp(why: ImplausibleStamp): void;

  /** A command came for the first time, this long after it was sent (the emitter's clock may make it negative: counted as 0). */
  queued(seconds: number): void;
  /** Messages that are ready, as the broker counts them. */
  queueLengths(messages: Readonly<Record<MeasuredQueue, number>>): void;
  /** What policies over our queues do harm, and whether they could be looked at. */
  queuePolicies(report: {
    readonly unchecked: string | null;
    readonly objections: readonly { readonly purpose: MeasuredQueue; readonly key: PolicyKey }[];
  }): void;
  replyGivenUp(why: ReplyEnd): void;
  /** A delivery came; call the function that is returned once, with how it was settled. */
  delivery(queue: QueueRole, redelivered: boolean): (end: DeliveryEnd) => void;
  published(kind: PublicationKind, result: PublishResult, confirmSeconds?: number): void;
  /** An event is confirmed by the broker. */
  event(name: EventName): void;
  /** A copy went to the dead queue; `reason` from a closed set. */
  deadLetter(reason: string): void;

  /** A request to the cloud ended. `cloudCode` comes from the error table, or is `other` or `none`; null: no error. */
  cloudRequest(request: {
    readonly operation: Operation;
    readonly outcome: RequestOutcome;
    readonly cloudCode: string | null;
    readonly seconds: number;
  }): void;
  submission(kind: SubmissionKind): void;
  /** A reinstall is about to be sent, and is not the first attempt of its command. */
  retried(): void;
  /** Of the present window of the request budget, 0 to 1; of the project that has least. */
  budgetLeft(ratio: number): void;
  reconciled(evidence: ReconcileEvidence): void;
  /** The samples that "same disk proves it" rests on, of all regions and volume types that this worker saw. */
  evidenceSamples(samples: { readonly replaced: number; readonly kept: number }): void;
  breaker(name: Breaker, state: BreakerState): void;
  /** Our clock minus the cloud's. */
  clockOffset(seconds: number): void;
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
  overdue(seconds: ReadonlyMap<number, number>): void;
  /** Does a brake hold commands of this project now? */
  brake(name: Brake, project: ProjectId, holds: boolean): void;
  /** A brake did not let a command go on. */
  brakeDecision(name: Brake, decision: BrakeDecision): void;
  /** Pauses that the store had lost are in it again. */
  pausesPutBack(count: number): void;
  swept(result: SweepResult): void;
  /** A key of ours held what nobody can read, and kept a command waiting. */
  storeUnreadable(): void;
  epochChanged(cause: EpochCause): void;
  dependency(name: Dependency, up: boolean): void;
  reconnected(name: Dependency): void;
  /** A line of the log was lost: nobody read standard output, or its disk is full. */
  logLineLost(): void;

  /** The page for Prometheus. */
  page(): Promise<string>;
  readonly contentType: string;
  readonly registry: Registry;
}

/** Metrics on a registry of their own: several in one process do not meet. */
export function createMetrics({
  version,
  processMetrics = true,
  projects = [],
}: MetricsOptions): Metrics {
  const registry = new Registry();
  const m = createInstruments(registry, projects);
  const ours = (project: string) => (projects.includes(project) ? project : "other");
  m.build.set({ version, node: process.version }, 1);
  const errorClass = bounded();
  const cloudCode = bounded();
  const deadReason = bounded();
  if (processMetrics) addProcessMetrics(registry);
  const storeGauges = {
    store: [
      m.openCommands,
      m.paused,
      m.phaseCommands,
      m.oldestCommand,
      m.locks,
      m.oldestLock,
      m.overdueLocks,
      m.lockAge,
      m.evidence,
    ],
    overdue: [m.overdue],
    budget: [m.budgetLeft],
    "redis-clock": [m.redisClockOffset],
  } as const satisfies Record<StoreGauges, readonly Gauge[]>;
  for (const gauge of Object.values(storeGauges).flat()) forget(gauge);

  return {
    registry,
    contentType: registry.contentType,
    page: () => registry.metrics(),

    commandEnded(outcome, named) {
      const project = ours(named);
      m.commands.inc({ outcome, project });
      if (outcome === "unresolved") m.unresolved.inc({ project });
    },
    commandFailed: (name, project) =>
      m.failures.inc({ class: errorClass(name), project: ours(project) }),
    reinstalled({ duration, recovery, project: named }) {
      const project = ours(named);
      if (duration !== null) m.duration.observe({ project }, duration);
      if (recovery !== null) m.recovery.observe({ project }, Math.max(0, recovery));
    },
    phaseEnded: (phase, seconds) => m.phaseSeconds.observe({ phase }, Math.max(0, seconds)),
    stepEnded(phase, result, seconds) {
      m.steps.inc({ phase, result });
      m.stepSeconds.observe({ phase }, seconds);
    },
    waits: (reason, project) => m.waits.inc({ reason, project: ours(project) }),
    duplicate: (kind) => m.duplicates.inc({ kind }),
    unknownFields: (count) => m.unknownFields.inc(count),
    implausibleTimestamp: (why) => m.implausibleTimestamps.inc({ why }),
    logLineLost: () => m.logLinesLost.inc(),

    queued: (seconds) => m.queueDelay.observe(Math.max(0, seconds)),
    queueLengths(messages) {
      for (const queue of MEASURED_QUEUES) m.queueMessages.set({ queue }, messages[queue]);
    },
    queuePolicies({ unchecked, objections }) {
      m.queuePoliciesChecked.set(unchecked === null ? 1 : 0);
      for (const queue of MEASURED_QUEUES) {
        for (const key of POLICY_KEYS) {
          const harm = objections.some((one) => one.purpose === queue && one.key === key);
          m.queuePolicyHarm.set({ queue, key }, harm ? 1 : 0);
        }
      }
    },
    replyGivenUp: (why) => m.repliesGivenUp.inc({ why }),
    delivery(queue, redelivered) {
      m.inFlight.inc({ queue });
      if (redelivered) m.redeliveries.inc({ queue });
      return (disposition) => {
        m.inFlight.dec({ queue });
        m.deliveries.inc({ queue, disposition });
      };
    },
    published(kind, result, confirmSeconds) {
      m.publishes.inc({ kind, result });
      if (confirmSeconds !== undefined) m.confirmSeconds.observe(confirmSeconds);
    },
    event: (event) => m.events.inc({ event }),
    deadLetter: (reason) => m.deadLetters.inc({ reason: deadReason(reason) }),

    cloudRequest(request) {
      const { operation, outcome } = request;
      m.requests.inc({ operation, outcome });
      m.requestSeconds.observe({ operation }, request.seconds);
      if (outcome === "throttled") m.throttled.inc({ operation });
      if (request.cloudCode !== null) {
        m.cloudErrors.inc({ operation, code: cloudCode(request.cloudCode) });
      }
    },
    submission: (result) => m.attempts.inc({ result }),
    retried: () => m.retries.inc(),
    budgetLeft: (ratio) => m.budgetLeft.set(ratio),
    reconciled: (proof) => m.reconciliations.inc({ evidence: proof }),
    evidenceSamples({ replaced, kept }) {
      m.evidence.set({ disk: "replaced" }, replaced);
      m.evidence.set({ disk: "kept" }, kept);
    },
    breaker: (name, state) => m.breakers.set({ breaker: name }, BREAKER_VALUES[state]),
    clockOffset: (seconds) => m.clockOffset.set(seconds),
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
      for (const [rung, late] of seconds) m.overdue.set({ rung: String(rung) }, late);
    },
    brake: (brake, project, holds) => m.brake.set({ brake, project }, holds ? 1 : 0),
    brakeDecision: (brake, decision) => m.brakeDecisions.inc({ brake, decision }),
    pausesPutBack: (count) => m.pausesPutBack.inc(count),
    swept: (result) => m.swept.inc({ result }),
    storeUnreadable: () => m.storeUnreadable.inc(),
    epochChanged: (cause) => m.epochs.inc({ cause }),
    dependency: (name, isUp) => m.up.set({ dependency: name }, isUp ? 1 : 0),
    reconnected: (name) => m.reconnects.inc({ dependency: name }),
  };
}

/** What is known from Redis alone, by what is asked together. */
type StoreGauges = "store" | "overdue" | "budget" | "redis-clock";

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

const BREAKER_VALUES = { closed: 0, "half-open": 1, open: 2 } as const satisfies Record<
  BreakerState,
  number
>;

/** A label that comes from a table elsewhere: a table that grows wild is cut off rather than stored for ever. */
function bounded(most = 200): (value: string) => string {
  const seen = new Set<string>();
  return (value) => {
    if (!seen.has(value) && seen.size >= most) return "other";
    seen.add(value);
    return value;
  };
}

/** prom-client's own, without three gauges that call themselves `_total`, which is for counters. */
function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const misnamed of ["handles", "requests", "resources"]) {
    registry.removeSingleMetric(`nodejs_active_${misnamed}_total`);
  }
}
