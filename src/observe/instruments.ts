import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { OPERATIONS, REQUEST_OUTCOMES } from "../contract/labels.ts";
import { LOCK_HOLDERS } from "../contract/labels.ts";
import { OPEN_PHASES } from "../core/census.ts";
import { Brake } from "../contract/brakes.ts";
import { EventName, FINAL_EVENTS, WaitReason } from "../contract/event.ts";
import { IMPLAUSIBLE_STAMPS } from "../core/sent-at.ts";
import { TRANSITIONS } from "../core/state.ts";
import {
  BRAKE_DECISIONS,
  BREAKERS,
  DELIVERY_ENDS,
  DEPENDENCIES,
  DISK_SAMPLES,
  DUPLICATE_KINDS,
  EPOCH_CAUSES,
  LOCK_QUANTILES,
  MEASURED_QUEUES,
  POLICY_KEYS,
  PUBLICATION_KINDS,
  PUBLISH_RESULTS,
  QUEUE_ROLES,
  REPLY_ENDS,
  RECONCILE_EVIDENCE,
  STEP_OUTCOMES,
  SUBMISSION_KINDS,
  SWEEP_RESULTS,
} from "../contract/labels.ts";

/**
 * Label names with their values; `null`: a closed table elsewhere has them. `project` has those of ECS_PROJECTS, and
 * `other` for a command that names one which is not allowed.
 */
type Labels = Readonly<Record<string, readonly string[] | null>>;

interface Spec<Kind extends string, L extends Labels> {
  readonly kind: Kind;
  readonly name: string;
  readonly help: string;
  readonly labels: L;
  readonly buckets?: readonly number[];
}

/** A call to Redis, RabbitMQ or the cloud; 20 s is the POST time-out. */
const CALL_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30];
/** A reinstall takes 1 to 2 minutes (ECS API notes §2.5); the default deadline is 45. */
const REINSTALL_BUCKETS = [15, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 2700, 5400];
const PHASE_BUCKETS = [0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1200, 2700, 10_800];

/** AMQP stamps whole seconds; a command without `expires_at` ends after a day. */
const QUEUE_BUCKETS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 10_800, 86_400];

const PHASES = Object.keys(TRANSITIONS) as (keyof typeof TRANSITIONS)[];

/** Every metric of the worker: what docs/metrics.md and the registry are made from. */
export const CATALOGUE = {
  commands: counter("commands_total", "Commands that have their outcome.", {
    outcome: FINAL_EVENTS,
    project: null,
  }),
  failures: counter("failures_total", "Commands that failed, by class of error.", {
    class: null,
    project: null,
  }),
  unresolved: counter(
    "unresolved_total",
    "Commands that ended unresolved: a person must look, and free the lock.",
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
    "From the fault that the emitter saw to the reinstalled server.",
    { project: null },
    REINSTALL_BUCKETS,
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

  logLinesLost: counter(
    "log_lines_lost_total",
    "Lines of the log that were dropped: nobody read standard output, or its disk is full.",
    {},
  ),

  deliveries: counter("deliveries_total", "Deliveries settled, by the answer to the broker.", {
    queue: QUEUE_ROLES,
    disposition: DELIVERY_ENDS,
  }),
  redeliveries: counter("redeliveries_total", "Deliveries that were redelivered.", {
    queue: QUEUE_ROLES,
  }),
  queueDelay: histogram(
    "queue_delay_seconds",
    "From a command's AMQP timestamp to its first delivery, where the emitter sets one.",
    {},
    QUEUE_BUCKETS,
  ),
  queueMessages: gauge("queue_messages", "Messages that are ready in our queues.", {
    queue: MEASURED_QUEUES,
  }),
  queuePolicyHarm: gauge(
    "queue_policy_harm",
    "1: a policy over one of these queues does harm; /readyz and the log name it.",
    { queue: MEASURED_QUEUES, key: POLICY_KEYS },
  ),
  queuePoliciesChecked: gauge(
    "queue_policies_checked",
    "1: the policies over our queues were looked at; 0: nobody may be asked (AMQP_MANAGEMENT_URL) or nobody answers.",
    {},
  ),
  repliesGivenUp: counter(
    "replies_given_up_total",
    "Final events that did not reach their `reply_to`; the exchange has them.",
    { why: REPLY_ENDS },
  ),
  inFlight: gauge("in_flight", "Deliveries in hand.", { queue: QUEUE_ROLES }),
  publishes: counter("publishes_total", "Attempts to publish a message.", {
    kind: PUBLICATION_KINDS,
    result: PUBLISH_RESULTS,
  }),
  confirmSeconds: histogram(
    "publish_confirm_seconds",
    "From a publish to the broker's confirm.",
    {},
    CALL_BUCKETS,
  ),
  events: counter("events_total", "Progress events that the broker confirmed.", {
    event: EventName.options,
  }),
  deadLetters: counter("dead_letters_total", "Sanitised copies put into the dead queue.", {
    reason: null,
  }),

  requests: counter("cloud_requests_total", "Requests to the cloud.", {
    operation: OPERATIONS,
    outcome: REQUEST_OUTCOMES,
  }),
  requestSeconds: histogram(
    "cloud_request_seconds",
    "Duration of a request to the cloud.",
    { operation: OPERATIONS },
    CALL_BUCKETS,
  ),
  cloudErrors: counter(
    "cloud_errors_total",
    "Errors that the cloud answered with: a code of docs/errors.md, other for one that is not there, none for an answer without a code.",
    { operation: OPERATIONS, code: null },
  ),
  throttled: counter("throttled_total", "Requests that the cloud throttled.", {
    operation: OPERATIONS,
  }),
  attempts: counter("attempts_total", "Reinstall POSTs, by what may be done after each.", {
    result: SUBMISSION_KINDS,
  }),
  retries: counter(
    "retries_total",
    "Attempts to send a reinstall after its command's first: that was refused for now, not sent, proven not carried out, or left by a worker that died before it.",
    {},
  ),
  budgetLeft: gauge(
    "budget_left_ratio",
    "Part of the request budget that is left in its present window, 0 to 1, of the project that has least.",
    {},
  ),
  reconciliations: counter(
    "reconciliations_total",
    "Submissions without a known answer that were settled, by the evidence.",
    { evidence: RECONCILE_EVIDENCE },
  ),
  evidence: gauge(
    "evidence_samples",
    "Ordinary successes that showed whether a reinstall replaces the system disk.",
    { disk: DISK_SAMPLES },
  ),
  breakers: gauge("breaker_state", "0 closed, 1 half open, 2 open.", { breaker: BREAKERS }),
  clockOffset: gauge("clock_offset_seconds", "Our clock minus the cloud's.", {}),
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
    "How late the latest message of each delay queue is, by the queue's delay in ms, 0 for the work queue itself; 0 where none is.",
    { rung: null },
  ),
  locks: gauge(
    "locks",
    "Servers that are locked: by an open reinstall of ours, by one that ended unresolved, by another service, or by something that cannot be read.",
    { holder: LOCK_HOLDERS, project: null },
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
  brake: gauge("brake", "1 while a brake holds commands of the project: a pause of any scope.", {
    brake: Brake.options,
    project: null,
  }),
  brakeDecisions: counter(
    "brake_decisions_total",
    "Times that a brake did not let a command go on, each try counted.",
    { brake: Brake.options, decision: BRAKE_DECISIONS },
  ),
  pausesPutBack: counter(
    "pauses_put_back_total",
    "Pauses that Redis had lost, and that a worker put back from its memory.",
    {},
  ),
  swept: counter("swept_total", "Commands that stopped moving, and what became of them.", {
    result: SWEEP_RESULTS,
  }),
  epochs: counter("epoch_changes_total", "Times that the memory of Redis was new.", {
    cause: EPOCH_CAUSES,
  }),

  up: gauge("dependency_up", "1 when the dependency answers.", { dependency: DEPENDENCIES }),
  reconnects: counter("reconnects_total", "Connections that were made again.", {
    dependency: DEPENDENCIES,
  }),
  build: gauge("build_info", "Always 1: what is running.", { version: null, node: null }),
} as const;

type Instrument<S> =
  S extends Spec<infer Kind, infer L>
    ? Kind extends "counter"
      ? Counter<keyof L & string>
      : Kind extends "gauge"
        ? Gauge<keyof L & string>
        : Histogram<keyof L & string>
    : never;
export type Instruments = {
  readonly [Key in keyof typeof CATALOGUE]: Instrument<(typeof CATALOGUE)[Key]>;
};

/**
 * The metrics of the catalogue on a registry. Counters with one closed label, for each of the projects where they have
 * that label too, and histograms by project begin at 0, so that their first increase is seen.
 */
export function createInstruments(registry: Registry, projects: readonly string[]): Instruments {
  const entries = Object.entries(CATALOGUE).map(([key, spec]) => [
    key,
    create(spec, registry, projects),
  ]);
  return Object.fromEntries(entries) as Instruments;
}

function create(
  spec: Spec<string, Labels>,
  registry: Registry,
  projects: readonly string[],
): Counter | Gauge | Histogram {
  const { name, help } = spec;
  const labelNames = Object.keys(spec.labels);
  const common = { name, help, labelNames, registers: [registry] };
  if (spec.kind === "gauge") return new Gauge(common);
  if (spec.kind === "histogram") {
    const made = new Histogram({ ...common, buckets: [...(spec.buckets ?? [])] });
    // As one without labels does by itself.
    if (labelNames.join() === "project") for (const project of projects) made.zero({ project });
    return made;
  }
  const made = new Counter(common);
  for (const labels of beginnings(spec.labels, projects)) made.inc(labels, 0);
  return made;
}

/** The series that are known before and not many: no other begins at 0. */
function beginnings(labels: Labels, projects: readonly string[]): Record<string, string>[] {
  const { project, ...others } = labels;
  const [[label, values] = [], ...more] = Object.entries(others);
  if (more.length > 0 || (project === undefined && label === undefined)) return [];
  const closed = label === undefined ? [{}] : (values ?? []).map((value) => ({ [label]: value }));
  if (project === undefined) return closed;
  return closed.flatMap((one) => projects.map((name) => ({ ...one, project: name })));
}

function counter<const L extends Labels>(name: string, help: string, labels: L) {
  return { kind: "counter", name: `ecs_reinstall_${name}`, help, labels } as const;
}

function gauge<const L extends Labels>(name: string, help: string, labels: L) {
  return { kind: "gauge", name: `ecs_reinstall_${name}`, help, labels } as const;
}

function histogram<const L extends Labels>(
  name: string,
  help: string,
  labels: L,
  buckets: readonly number[],
) {
  return { kind: "histogram", name: `ecs_reinstall_${name}`, help, labels, buckets } as const;
}
