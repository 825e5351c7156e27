/*
 * Values of labels. Closed lists: each value is a time series for ever. What has its list in the contract or
 * the core (events, phases, wait reasons) is not repeated here.
 */

/** Our queues by what they are for; their names can be configured. */
export const QUEUE_ROLES = ["commands", "work", "work-waiting", "work-dead"] as const;
/** One of {@link QUEUE_ROLES}. */
export type QueueRole = (typeof QUEUE_ROLES)[number];

/** Queues whose length is shown; `delay`: all delay queues together. */
export const MEASURED_QUEUES = [
  "commands",
  "work",
  "work-waiting",
  "work-dead",
  "dead",
  "delay",
] as const;
/** One of {@link MEASURED_QUEUES}. */
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
/** One of {@link POLICY_KEYS}. */
export type PolicyKey = (typeof POLICY_KEYS)[number];

/** Why a reply to its `reply_to` was given up; the event on the exchange never is. */
export const REPLY_ENDS = ["no-queue", "refused", "unconfirmed"] as const;
/** One of {@link REPLY_ENDS}. */
export type ReplyEnd = (typeof REPLY_ENDS)[number];

/** How a delivery was settled with the broker. */
export const DELIVERY_ENDS = ["ack", "retry", "requeue"] as const;
/** One of {@link DELIVERY_ENDS}. */
export type DeliveryEnd = (typeof DELIVERY_ENDS)[number];

/** A copy of a command with an id that we know; a copy of a step that somebody else has. */
export const DUPLICATE_KINDS = ["command", "step"] as const;
/** One of {@link DUPLICATE_KINDS}. */
export type DuplicateKind = (typeof DUPLICATE_KINDS)[number];

/** How a step ended; `error`: the catch-all had it. */
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
/** One of {@link STEP_OUTCOMES}. */
export type StepOutcome = (typeof STEP_OUTCOMES)[number];

/** What is published; `operator`: what a person did by hand; `arrival`: a raw command into a delay queue. */
export const PUBLICATION_KINDS = ["step", "event", "operator", "reply", "dead", "arrival"] as const;
/** One of {@link PUBLICATION_KINDS}. */
export type PublicationKind = (typeof PUBLICATION_KINDS)[number];

/** The result of one attempt to publish; after `unconfirmed` nobody knows. */
export const PUBLISH_RESULTS = ["confirmed", "returned", "refused", "unconfirmed"] as const;
/** One of {@link PUBLISH_RESULTS}. */
export type PublishResult = (typeof PUBLISH_RESULTS)[number];

/** What became of one reinstall POST (core/server/observations.ts, `Submission`). */
export const SUBMISSION_KINDS = ["accepted", "refused", "later", "not-sent", "unknown"] as const;
/** One of {@link SUBMISSION_KINDS}. */
export type SubmissionKind = (typeof SUBMISSION_KINDS)[number];

/** How it was found out whether a reinstall has run (design §5). */
export const RECONCILE_EVIDENCE = [
  "system-disk-replaced",
  "not-executed",
  "server-error",
  "server-gone",
  "deadline",
] as const;
/** One of {@link RECONCILE_EVIDENCE}. */
export type ReconcileEvidence = (typeof RECONCILE_EVIDENCE)[number];

/** What an ordinary success did to the system disk. */
export const DISK_SAMPLES = ["replaced", "kept"] as const;

/** Quantiles of the locks' ages. */
export const LOCK_QUANTILES = ["0.5", "0.9"] as const;

/** The endpoints that each have a breaker; `auth`: our credentials have one too. */
export const BREAKERS = ["ecs", "iam", "ims", "evs", "auth"] as const;
/** One of {@link BREAKERS}. */
export type Breaker = (typeof BREAKERS)[number];
/** `closed`: requests go through; `open`: none does; `half-open`: one may, and decides. */
export type BreakerState = "closed" | "half-open" | "open";

/** What the disk service said of a system disk: its age; one that cannot be true; no such disk; no right to ask; nothing. */
export const DISK_ANSWERS = ["seen", "in-future", "absent", "refused", "unreadable"] as const;
/** One of {@link DISK_ANSWERS}. */
export type DiskAnswer = (typeof DISK_ANSWERS)[number];

/**
 * What a poll of a job does where a list of servers may stand for it: `few`: it asks for its job, for too few would share a list;
 * `held`: the same, for lists failed lately or Redis is away; `listed`: it sees a list that is there; `listing`: it makes one;
 * `awaited`: it waits for who makes one.
 */
export const POLL_WAYS = ["few", "held", "listed", "listing", "awaited"] as const;
/** One of {@link POLL_WAYS}. */
export type PollWay = (typeof POLL_WAYS)[number];

/** A sweeper put a command back on its way, ended it, found that it moves after all, or cannot help it. */
export const SWEEP_RESULTS = ["revived", "ended", "moving", "stuck"] as const;
/** One of {@link SWEEP_RESULTS}. */
export type SweepResult = (typeof SWEEP_RESULTS)[number];

/** What a brake says of a command that it does not let go. */
export const BRAKE_DECISIONS = ["wait", "no"] as const;
/** One of {@link BRAKE_DECISIONS}. */
export type BrakeDecision = (typeof BRAKE_DECISIONS)[number];

/** What the end of a command says of the objective of good ends; `excluded`: nothing (src/core/objective.ts). */
export const END_VERDICTS = ["good", "bad", "excluded"] as const;
/** One of {@link END_VERDICTS}. */
export type EndVerdict = (typeof END_VERDICTS)[number];

/** Why the memory of Redis is new (design §6). */
export const EPOCH_CAUSES = ["first", "emptied", "restarted"] as const;
/** One of {@link EPOCH_CAUSES}. */
export type EpochCause = (typeof EPOCH_CAUSES)[number];

/** What the worker needs beside itself. */
export const DEPENDENCIES = ["rabbitmq", "redis", "cloud"] as const;
/** One of {@link DEPENDENCIES}. */
export type Dependency = (typeof DEPENDENCIES)[number];

/** What a request is for, as far as budgets, metrics and logs distinguish requests. */
export const OPERATIONS = [
  "look",
  "job",
  "stop",
  "start",
  "reinstall",
  "token",
  "image",
  "disk",
  "list",
  /** Asks whether endpoint, credentials and clock are right, when nothing else has shown it. */
  "probe",
  /** Asks for the cloud's time, without credentials. */
  "clock",
] as const;
/** One of {@link OPERATIONS}. */
export type Operation = (typeof OPERATIONS)[number];

/** The result of a request, for metrics. Closed, so that it may be a label. */
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
  /** A request left, no whole answer arrived. */
  "no-answer",
] as const;
/** One of {@link REQUEST_OUTCOMES}. */
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

/**
 * Who holds a server's lock: an open reinstall, one that ended `unresolved`, another service (any other `operation`); or
 * nobody can read it.
 */
export const LOCK_HOLDERS = ["reinstall", "unresolved", "other-service", "unreadable"] as const;
/** One of {@link LOCK_HOLDERS}. */
export type LockHolder = (typeof LOCK_HOLDERS)[number];

/** How many requests a second may go to the cloud: by the configuration, and now. */
export const CALL_LIMITS = ["configured", "allowed"] as const;

/** What is shown of a project's slots: reinstalls in work, how many may be, and commands that wait in line. */
export const SLOT_STATES = ["taken", "cap", "waiting"] as const;
