import { OVERRIDABLE_BRAKES, type OverridableBrake } from "../../contract/brakes.ts";
import {
  FINAL_EVENTS,
  type FinalEventName,
  SETTLED_AS,
  type SettledAs,
  WaitReason,
} from "../../contract/event.ts";
import {
  DUPLICATE_KINDS,
  END_VERDICTS,
  RECONCILE_EVIDENCE,
  STEP_OUTCOMES,
  SUBMISSION_KINDS,
  type DuplicateKind,
  type EndVerdict,
  type ReconcileEvidence,
  type StepOutcome,
  type SubmissionKind,
} from "../../contract/labels.ts";
import { OPERATOR_ACTIONS, type OperatorAction } from "../../contract/operator-actions.ts";
import { IMPLAUSIBLE_STAMPS, type ImplausibleStamp } from "../../core/intake/sent-at.ts";
import type { Phase } from "../../core/state/state.ts";
import { TRANSITIONS } from "../../core/state/transitions.ts";
import { CALL_BUCKETS, bounded, counter, histogram, type InstrumentsOf } from "./instruments.ts";

/** A reinstall takes 1 to 2 minutes (ECS API notes §2.5); the default deadline is 45. */
const REINSTALL_BUCKETS = [15, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 2700, 5400];
/** 900 s is the objective (docs/metrics.md): the alerts read that bucket, so it must be one. */
const RECOVERY_BUCKETS = [30, 60, 90, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 21_600];
const PHASE_BUCKETS = [0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1200, 2700, 10_800];

const PHASES = Object.keys(TRANSITIONS) as (keyof typeof TRANSITIONS)[];

/** Their names, labels and help. */
export const COMMANDS_METRICS = {
  commands: counter("commands_total", "Commands that have their outcome.", {
    outcome: FINAL_EVENTS,
    project: null,
  }),
  failures: counter("failures_total", "Commands that failed, by class of error.", {
    class: null,
    project: null,
  }),
  ends: counter(
    "ends_total",
    "Ends of commands, as the objective of good ends judges them: see Objectives.",
    { verdict: END_VERDICTS, project: null },
  ),
  unresolved: counter(
    "unresolved_total",
    "Commands that ended unresolved: a person must look, and free the lock.",
    { project: null },
  ),
  serversLeftOff: counter(
    "servers_left_off_total",
    "Servers that should run after their command, or while it waits on, and were not seen running: a person must start them.",
    { project: null },
  ),
  settled: counter(
    "settled_total",
    "Commands that ended unresolved, and of which is known now what became, by the cloud's proof.",
    { as: SETTLED_AS, project: null },
  ),
  inquiriesGivenUp: counter(
    "inquiries_given_up_total",
    "Unresolved commands that nobody looks at any more (UNRESOLVED_WATCH_MS): the server stays locked until a person frees it.",
    { project: null },
  ),
  duration: histogram(
    "duration_seconds",
    "From the accepted POST to the end of the cloud's job, for reinstalls that succeeded.",
    { project: null },
    REINSTALL_BUCKETS,
  ),
  recovery: histogram(
    "recovery_seconds",
    "From the fault that the emitter saw (`observed_at`) to the reinstalled server, by who asked.",
    { project: null, source: null },
    RECOVERY_BUCKETS,
  ),
  ready: histogram(
    "ready_seconds",
    "From the fault that the emitter saw (`observed_at`) to the server that answers (`READY_PROBE`), by who asked.",
    { project: null, source: null },
    RECOVERY_BUCKETS,
  ),
  notReady: counter(
    "not_ready_total",
    "Reinstalls that succeeded, and whose server did not answer in time (`READY_PROBE`).",
    { project: null },
  ),
  operatorActions: counter(
    "operator_actions_total",
    "What people did by hand, once its event is published; an action is counted again where the worker dies right then.",
    { project: null, action: OPERATOR_ACTIONS },
  ),
  phaseSeconds: histogram(
    "phase_seconds",
    "Time that a command spent in a phase.",
    { phase: PHASES },
    PHASE_BUCKETS,
  ),
  steps: counter("steps_total", "Steps taken, by their result.", {
    phase: PHASES,
    result: STEP_OUTCOMES,
  }),
  stepSeconds: histogram(
    "step_seconds",
    "Duration of a step, from its delivery to its end.",
    { phase: PHASES },
    CALL_BUCKETS,
  ),
  waits: counter("waits_total", "Times that a command had to wait.", {
    reason: WaitReason.options,
    project: null,
  }),
  overrides: counter(
    "overrides_total",
    "Commands that were accepted with an override of a brake, whether it would have held them or not.",
    { brake: OVERRIDABLE_BRAKES, project: null },
  ),
  duplicates: counter("duplicates_total", "Second copies of commands and steps.", {
    kind: DUPLICATE_KINDS,
  }),
  unknownFields: counter(
    "unknown_fields_total",
    "Fields of commands that the worker does not know, and ignored.",
    {},
  ),
  implausibleTimestamps: counter(
    "implausible_timestamps_total",
    "Commands whose AMQP timestamp cannot be: never set, or in other units than seconds. Taken for absent.",
    { why: IMPLAUSIBLE_STAMPS },
  ),
  reconciliations: counter(
    "reconciliations_total",
    "Submissions without a known answer that were settled, by the evidence.",
    { evidence: RECONCILE_EVIDENCE, project: null },
  ),
  attempts: counter("attempts_total", "Reinstall POSTs, by what may be done after each.", {
    result: SUBMISSION_KINDS,
    project: null,
  }),
  retries: counter(
    "retries_total",
    "Attempts to send a reinstall after its command's first: that was refused for now, not sent, proven not carried out, or left by a worker that died before it.",
    { project: null },
  ),
} as const;

/** Commands and their steps: how they ended, and how long they took. */
export interface CommandsMetrics {
  /** A command has its outcome. Counted where it is stored, so a repeat does not count again. */
  commandEnded(outcome: FinalEventName, project: string): void;
  /** The same end, as the objective of good ends judges it. */
  endJudged(verdict: EndVerdict, project: string): void;
  /** A command ended, and its server, which should run, was not seen running. */
  serverLeftOff(project: string): void;
  /** A command failed; `errorClass` is one of the error table's. */
  commandFailed(errorClass: string, project: string): void;
  /** A reinstall succeeded: from the accepted POST to the job's end; from the fault seen to now, where the emitter named it. */
  reinstalled(seconds: {
    readonly duration: number | null;
    readonly recovery: number | null;
    /** From the fault seen to the server that answers; null: not named, not asked, or it does not answer. */
    readonly ready: number | null;
    readonly project: string;
    /** As the emitter named itself. */
    readonly source: string;
  }): void;
  /** A reinstall succeeded, and its server does not answer. */
  notReady(project: string): void;
  /** A person acted by hand. */
  operatorAction(project: string, action: OperatorAction): void;
  /** A command left a phase after this long (wall clocks of two workers may make it negative: counted as 0). */
  phaseEnded(phase: Phase | "admit", seconds: number): void;
  stepEnded(phase: Phase | "admit", outcome: StepOutcome, seconds: number): void;
  waits(reason: WaitReason, project: string): void;
  /** A command that was accepted lifts that brake for itself. */
  override(name: OverridableBrake, project: string): void;
  duplicate(kind: DuplicateKind): void;
  /** Fields of a command that nobody knows. */
  unknownFields(count: number): void;
  implausibleTimestamp(why: ImplausibleStamp): void;
  submission(kind: SubmissionKind, project: string): void;
  /** A reinstall is about to be sent, and is not the first attempt of its command. */
  retried(project: string): void;
  reconciled(evidence: ReconcileEvidence, project: string): void;
  /** It is known what became of a command that ended unresolved. */
  settled(as: SettledAs, project: string): void;
  /** An inquiry gave up. */
  inquiryGivenUp(project: string): void;
}

/** Sets and counts them on the instruments. */
export function commandsMetrics(
  m: InstrumentsOf<typeof COMMANDS_METRICS>,
  closed: Readonly<Record<"project" | "source", (value: string) => string>>,
): CommandsMetrics {
  const errorClass = bounded();
  const ours = closed.project;

  return {
    commandEnded(outcome, named) {
      const project = ours(named);
      m.commands.inc({ outcome, project });
      if (outcome === "unresolved") m.unresolved.inc({ project });
    },
    serverLeftOff: (project) => m.serversLeftOff.inc({ project: ours(project) }),
    endJudged: (verdict, project) => m.ends.inc({ verdict, project: ours(project) }),
    settled: (as, project) => m.settled.inc({ as, project: ours(project) }),
    inquiryGivenUp: (project) => m.inquiriesGivenUp.inc({ project: ours(project) }),
    commandFailed: (name, project) =>
      m.failures.inc({ class: errorClass(name), project: ours(project) }),
    reinstalled({ duration, recovery, ready, project: named, source: asker }) {
      const project = ours(named);
      const source = closed.source(asker);
      if (duration !== null) m.duration.observe({ project }, duration);
      if (recovery !== null) m.recovery.observe({ project, source }, Math.max(0, recovery));
      if (ready !== null) m.ready.observe({ project, source }, Math.max(0, ready));
    },
    notReady: (project) => m.notReady.inc({ project: ours(project) }),
    operatorAction: (project, action) => m.operatorActions.inc({ project: ours(project), action }),
    phaseEnded: (phase, seconds) => m.phaseSeconds.observe({ phase }, Math.max(0, seconds)),
    stepEnded(phase, result, seconds) {
      m.steps.inc({ phase, result });
      m.stepSeconds.observe({ phase }, seconds);
    },
    waits: (reason, project) => m.waits.inc({ reason, project: ours(project) }),
    override: (brake, project) => m.overrides.inc({ brake, project: ours(project) }),
    duplicate: (kind) => m.duplicates.inc({ kind }),
    unknownFields: (count) => m.unknownFields.inc(count),
    implausibleTimestamp: (why) => m.implausibleTimestamps.inc({ why }),
    submission: (result, project) => m.attempts.inc({ result, project: ours(project) }),
    retried: (project) => m.retries.inc({ project: ours(project) }),
    reconciled: (proof, project) =>
      m.reconciliations.inc({ evidence: proof, project: ours(project) }),
  };
}
