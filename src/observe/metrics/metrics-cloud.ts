import {
  BREAKERS,
  DISK_ANSWERS,
  OPERATIONS,
  POLL_WAYS,
  REQUEST_OUTCOMES,
  type Breaker,
  type BreakerState,
  type DiskAnswer,
  type Operation,
  type PollWay,
  type RequestOutcome,
} from "../../contract/labels.ts";
import {
  CALL_BUCKETS,
  bounded,
  counter,
  gauge,
  histogram,
  type InstrumentsOf,
} from "./instruments.ts";

/** Their names, labels and help. */
export const CLOUD_METRICS = {
  requests: counter("cloud_requests_total", "Requests to the cloud.", {
    operation: OPERATIONS,
    outcome: REQUEST_OUTCOMES,
    project: null,
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
    { operation: OPERATIONS, code: null, project: null },
  ),
  throttled: counter("throttled_total", "Requests that the cloud throttled.", {
    operation: OPERATIONS,
    project: null,
  }),
  breakers: gauge("breaker_state", "0 closed, 1 half open, 2 open.", { breaker: BREAKERS }),
  diskAges: counter(
    "disk_ages_total",
    "Questions for the age of a system disk (EVS_ENDPOINT), by what the disk service said.",
    { answer: DISK_ANSWERS },
  ),
  firstPoll: gauge(
    "first_poll_seconds",
    "How long after the POST a job of this kind is polled first, as this worker knows it (POLL_LEARNED). The kind: type of the system disk, operating system, running or not. 0: too little is known, it is polled from its first seconds on.",
    { project: null, kind: null },
  ),
  polls: counter(
    "polls_total",
    "Polls of jobs that a list of servers may stand for (POLL_LIST): few: it asked for its own job, as a list would cost more; held: the same, as lists failed lately or Redis is away; listed: it saw a list that was there; listing: it made one; awaited: it waited for one.",
    { project: null, way: POLL_WAYS },
  ),
  clockOffset: gauge("clock_offset_seconds", "Our clock minus the cloud's.", {}),
} as const;

/** Requests to the cloud, and what stands between us and it. */
export interface CloudMetrics {
  /** A request to the cloud ended. `cloudCode` comes from the error table, or is `other` or `none`; null: no error. */
  cloudRequest(request: {
    readonly operation: Operation;
    /** Null: of none. */
    readonly project: string | null;
    readonly outcome: RequestOutcome;
    readonly cloudCode: string | null;
    readonly seconds: number;
  }): void;
  breaker(name: Breaker, state: BreakerState): void;
  /** The disk service was asked how old a system disk is. */
  diskAge(answer: DiskAnswer): void;
  /** When jobs of this kind are polled first, after the POST; 0: from their first seconds on. */
  firstPoll(project: string, kind: string, seconds: number): void;
  /** A poll of a job, by what it was to do. */
  poll(project: string, way: PollWay): void;
  /** Our clock minus the cloud's. */
  clockOffset(seconds: number): void;
}

/** Sets and counts them on the instruments. */
export function cloudMetrics(
  m: InstrumentsOf<typeof CLOUD_METRICS>,
  ours: (project: string) => string,
): CloudMetrics {
  const cloudCode = bounded();
  const jobKind = bounded(50);

  return {
    cloudRequest(request) {
      const { operation, outcome } = request;
      const project = ours(request.project ?? "");
      m.requests.inc({ operation, outcome, project });
      m.requestSeconds.observe({ operation }, request.seconds);
      if (outcome === "throttled") m.throttled.inc({ operation, project });
      if (request.cloudCode !== null) {
        m.cloudErrors.inc({ operation, code: cloudCode(request.cloudCode), project });
      }
    },
    breaker: (name, state) => m.breakers.set({ breaker: name }, BREAKER_VALUES[state]),
    diskAge: (answer) => m.diskAges.inc({ answer }),
    firstPoll: (project, kind, seconds) =>
      m.firstPoll.set({ project: ours(project), kind: jobKind(kind) }, seconds),
    poll: (project, way) => m.polls.inc({ project: ours(project), way }),
    clockOffset: (seconds) => m.clockOffset.set(seconds),
  };
}

const BREAKER_VALUES = { closed: 0, "half-open": 1, open: 2 } as const satisfies Record<
  BreakerState,
  number
>;
