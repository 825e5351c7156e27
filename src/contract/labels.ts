/*
 * Values of labels. Closed lists: each value is a time series for ever. What has its list in the contract or
 * the core (events, phases, wait reasons) is not repeated here.
 */

/** Our queues by what they are for; their names can be configured. */
export const QUEUE_ROLES = ["commands", "work", "work-dead"] as const;
export type QueueRole = (typeof QUEUE_ROLES)[number];

/** Queues whose length is told; `delay`: all delay queues together. */
export const MEASURED_QUEUES = ["commands", "work", "work-dead", "dead", "delay"] as const;
export type MeasuredQueue = (typeof MEASURED_QUEUES)[number];

/** What a policy may set over a queue to its harm; `type` and `arguments` are the queue's own. */
export const POLICY_KEYS = [
  "message-ttl",
  "expires",
  "max-length",
  "max-length-bytes",
  "delivery-limit",
  "type",
  "arguments",
] as const;
export type PolicyKey = (typeof POLICY_KEYS)[number];

/** Why a reply to its `reply_to` was given up; the event on the exchange never is. */
export const REPLY_ENDS = ["no-queue", "refused", "unconfirmed"] as const;
export type ReplyEnd = (typeof REPLY_ENDS)[number];

/** What the broker was told about a delivery. */
export const DELIVERY_ENDS = ["ack", "retry", "requeue"] as const;
export type DeliveryEnd = (typeof DELIVERY_ENDS)[number];

/** A copy of a command with an id that we know; a copy of a step that somebody else has. */
export const DUPLICATE_KINDS = ["command", "step"] as const;
export type DuplicateKind = (typeof DUPLICATE_KINDS)[number];

/** What a step came to; `error`: the catch-all had it. */
export const STEP_OUTCOMES = [
  "next",
  "final",
  "repeat",
  "finished",
  "duplicate",
  "id-reused",
  "stale",
  "fenced",
  "handed-over",
  "refusal-unconfirmed",
  "id-taken",
  "store-away",
  "store-rebuilding",
  "again",
  "corrupt",
  "error",
] as const;
export type StepOutcome = (typeof STEP_OUTCOMES)[number];

export const PUBLICATION_KINDS = ["step", "event", "reply", "dead", "arrival"] as const;
export type PublicationKind = (typeof PUBLICATION_KINDS)[number];

export const PUBLISH_RESULTS = ["confirmed", "returned", "refused", "unconfirmed"] as const;
export type PublishResult = (typeof PUBLISH_RESULTS)[number];

/** What became of one reinstall POST (core/observations.ts, `Submission`). */
export const SUBMISSION_KINDS = ["accepted", "refused", "later", "not-sent", "unknown"] as const;
export type SubmissionKind = (typeof SUBMISSION_KINDS)[number];

/** How a doubt was settled (design §5). */
export const RECONCILE_EVIDENCE = [
  "system-disk-replaced",
  "not-executed",
  "server-error",
  "server-gone",
  "deadline",
] as const;
export type ReconcileEvidence = (typeof RECONCILE_EVIDENCE)[number];

export const DISK_SAMPLES = ["replaced", "kept"] as const;

export const LOCK_QUANTILES = ["0.5", "0.9"] as const;

export const BREAKERS = ["ecs", "iam", "ims", "auth"] as const;
export type Breaker = (typeof BREAKERS)[number];
export type BreakerState = "closed" | "half-open" | "open";

/** A sweeper put a command back on its way, ended it, found that it moves after all, or cannot help it. */
export const SWEEP_RESULTS = ["revived", "ended", "moving", "stuck"] as const;
export type SweepResult = (typeof SWEEP_RESULTS)[number];

/** What a brake says of a command that it does not let go. */
export const BRAKE_DECISIONS = ["wait"] as const;
export type BrakeDecision = (typeof BRAKE_DECISIONS)[number];

/** Why the memory of Redis is new (design §6). */
export const EPOCH_CAUSES = ["first", "emptied", "restarted"] as const;
export type EpochCause = (typeof EPOCH_CAUSES)[number];

export const DEPENDENCIES = ["rabbitmq", "redis", "cloud"] as const;
export type Dependency = (typeof DEPENDENCIES)[number];

/** What a request is for, as far as budgets, metrics and logs tell requests apart. */
export const OPERATIONS = [
  "look",
  "job",
  "stop",
  "reinstall",
  "token",
  "image",
  /** Asks whether endpoint, credentials and clock are right, when nothing else has shown it. */
  "probe",
  /** Asks for the cloud's time, without credentials. */
  "clock",
] as const;
export type Operation = (typeof OPERATIONS)[number];

/** What came of a request, for metrics. Closed, so that it may be a label. */
export const REQUEST_OUTCOMES = [
  /** An answer that is no error. */
  "ok",
  /** An error of the table that is a sure no. */
  "refused",
  "throttled",
  "unauthenticated",
  /** Any other error that the cloud answered with. */
  "error",
  /** No request left: no connection. */
  "not-sent",
  /** A request left, no whole answer came. */
  "no-answer",
] as const;
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

/**
 * Who holds a server's lock: an open reinstall, one that ended `unresolved`, another service (any other `operation`); or
 * nobody can read it.
 */
export const LOCK_HOLDERS = ["reinstall", "unresolved", "other-service", "unreadable"] as const;
export type LockHolder = (typeof LOCK_HOLDERS)[number];
