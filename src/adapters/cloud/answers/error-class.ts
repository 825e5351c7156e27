/** What the first answer to a reinstall POST proves. */
type SubmitVerdict =
  /** Rejected, for good. */
  | "refused"
  /** Rejected, for now; what it waits for. */
  | "later: server-unstable"
  | "later: throttled"
  | "later: cloud-unavailable"
  /** Proves nothing: it may have been, or still be, carried out. */
  | "unknown";

type LookVerdict = "absent" | "refused" | "throttled" | "unavailable";
type JobVerdict = "missing" | "throttled" | "unavailable";
type PowerVerdict = "refused" | "unavailable";

export interface Verdicts {
  readonly submit: SubmitVerdict;
  readonly look: LookVerdict;
  readonly job: JobVerdict;
  /** Of a stop or a start. */
  readonly power: PowerVerdict;
  /** The same request may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** A job that fails with it says something of the next reinstall, too: it counts for a storm of failures. */
  readonly storm: boolean;
  /** The emitter asked for what cannot be: such a failure says nothing of the worker, and is no bad end (docs/metrics.md). */
  readonly emittersMistake: boolean;
  /** For a person. */
  readonly nextStep: string;
}

export const ERROR_CLASSES = [
  "invalid-request",
  "not-found",
  "permission",
  "account",
  "quota",
  "server-locked",
  "frozen",
  "no-system-disk",
  "image",
  "key-pair",
  "encryption",
  "configuration",
  "server-busy",
  "wrong-state",
  "disk-state",
  "throttled",
  "authentication",
  "cloud-fault",
  "job-failed",
  "job-unknown",
] as const;
export type ErrorClass = (typeof ERROR_CLASSES)[number];

/** A sure and lasting no. A job query that is refused says nothing about the job. */
const REFUSED = {
  submit: "refused",
  look: "refused",
  job: "unavailable",
  power: "refused",
  retryable: false,
  storm: false,
  emittersMistake: false,
} as const;

/** A sure no of the moment. For a stop or a start it means: look again, the server may be there already. */
const NOT_NOW = {
  submit: "later: server-unstable",
  look: "unavailable",
  job: "unavailable",
  power: "refused",
  retryable: true,
  storm: true,
  emittersMistake: false,
} as const;

/** Says nothing about what became of a POST. */
const NO_PROOF = {
  submit: "unknown",
  look: "unavailable",
  job: "unavailable",
  power: "unavailable",
  retryable: true,
  storm: true,
  emittersMistake: false,
} as const;

/** What each class means for each call; a row of the table may differ. */
export const CLASS_VERDICTS: Readonly<Record<ErrorClass, Verdicts>> = {
  "invalid-request": {
    ...REFUSED,
    emittersMistake: true,
    nextStep: "Correct the command by what the message says, then send it under a new id.",
  },
  "not-found": {
    ...REFUSED,
    emittersMistake: true,
    look: "absent",
    nextStep: "Check server id and project; the server may have been deleted.",
  },
  permission: {
    ...REFUSED,
    nextStep:
      "Grant the worker's user the action in IAM (ecs:cloudServers:rebuild, :stop, :start, :showServer), then send a new command.",
  },
  account: {
    ...REFUSED,
    nextStep:
      "Clear the restriction or balance of the account in the console, then send a new command.",
  },
  quota: {
    ...REFUSED,
    look: "unavailable",
    nextStep:
      "Free or raise the quota (a reinstall needs room for one more disk), then send a new command.",
  },
  "server-locked": {
    ...REFUSED,
    emittersMistake: true,
    nextStep: "Unlock the server, then send a new command.",
  },
  frozen: {
    ...REFUSED,
    nextStep: "Clear the account's or server's freeze, then send a new command.",
  },
  "no-system-disk": {
    ...REFUSED,
    emittersMistake: true,
    nextStep: "Attach a system disk, or replace the server; a reinstall needs one.",
  },
  image: {
    ...REFUSED,
    storm: true,
    nextStep:
      "The server's image is needed again: bring it back, or change the OS to another image.",
  },
  "key-pair": {
    ...REFUSED,
    emittersMistake: true,
    nextStep:
      "Create the key pair, or name one that exists and belongs to userid, then send a new command.",
  },
  encryption: {
    ...REFUSED,
    nextStep:
      "Check the KMS key, its state and the right of EVS to use it, then send a new command.",
  },
  configuration: {
    ...REFUSED,
    nextStep:
      "Check the worker's ECS_ENDPOINT, ECS_PROJECTS and credentials: they do not fit together.",
  },
  "server-busy": {
    ...NOT_NOW,
    nextStep: "Another operation runs on the server: wait for its end.",
  },
  "wrong-state": {
    ...NOT_NOW,
    nextStep: "The server must be stopped and idle: look at it in the console.",
  },
  "disk-state": {
    ...NOT_NOW,
    nextStep: "Look at the state of the system disk in the console (backup, attaching, fault).",
  },
  throttled: {
    submit: "later: throttled",
    look: "throttled",
    job: "throttled",
    power: "refused",
    retryable: true,
    storm: true,
    emittersMistake: false,
    nextStep: "Wait; if it lasts, lower ECS_REQUESTS_PER_SECOND or ask for a higher limit.",
  },
  authentication: {
    ...NO_PROOF,
    submit: "later: cloud-unavailable",
    nextStep:
      "Check access key, token user and this machine's clock. More than five failures in a row lock the key for 5 minutes.",
  },
  "cloud-fault": {
    ...NO_PROOF,
    nextStep: "Wait; if it lasts, give the provider the request id.",
  },
  "job-failed": {
    ...NO_PROOF,
    retryable: false,
    nextStep: "Look at the server in the console; when its state allows, send a new command.",
  },
  "job-unknown": {
    ...NO_PROOF,
    job: "missing",
    nextStep: "The job is older than a day, or its id is wrong: judge by the server itself.",
  },
};
