import type { ErrorClass, Verdicts } from "./error-class.ts";

/** One code of the cloud. Verdicts come from its class, except what `differs` says. */
export interface ErrorRow {
  readonly code: string;
  /** As documented; the vendor warns that statuses "may not be accurate" (ECS API notes §5.1). */
  readonly http: string;
  readonly meaning: string;
  readonly class: ErrorClass;
  /** The row holds for these statuses only. */
  readonly onlyStatus?: readonly number[];
  readonly differs?: Partial<Verdicts>;
}

type Entry = readonly [
  code: string,
  http: string,
  meaning: string,
  errorClass: ErrorClass,
  more?: Pick<ErrorRow, "onlyStatus" | "differs">,
];

const ACCOUNT = "account restriction (real name, balance, partner, payment, budget, suspension)";
const UNKNOWN_SUBMIT = { differs: { submit: "unknown" } } as const;

/** ECS API notes §5.2, in its order. */
const SERVICE: readonly Entry[] = [
  ["Ecs.0000", "400", "malformed request", "invalid-request"],
  ["Ecs.0001", "400", "server quota used up", "quota"],
  ["Ecs.0002", "400", "submitting the task failed", "cloud-fault"],
  ["Ecs.0003", "403", "no permission, or balance or account problem", "permission"],
  ["Ecs.0004", "400", "internal authorisation (assume role) failed", "cloud-fault"],
  ["Ecs.0005", "400", "invalid parameter or JSON", "invalid-request"],
  ["Ecs.0007", "400", "invalid image attributes", "image"],
  ["Ecs.0011", "400", "password too weak", "invalid-request"],
  ["Ecs.0021", "400", "disk quota used up", "quota"],
  ["Ecs.0023", "400", "project of the token is not the one of the URL", "configuration"],
  ["Ecs.0025", "400", "EVS may not use KMS keys", "encryption"],
  ["Ecs.0030", "400", "server or account frozen", "frozen"],
  ["Ecs.0031", "400", "image does not exist", "image"],
  ["Ecs.0032", "400", "image not active", "image"],
  ["Ecs.0066", "403", ACCOUNT, "account"],
  ["Ecs.0067", "403", ACCOUNT, "account"],
  ["Ecs.0068", "403", ACCOUNT, "account"],
  ["Ecs.0069", "403", ACCOUNT, "account"],
  ["Ecs.0070", "403", ACCOUNT, "account"],
  ["Ecs.0071", "403", ACCOUNT, "account"],
  ["Ecs.0073", "400", "system disk is being backed up", "disk-state"],
  ["Ecs.0090", "400", "BYOL not supported in this region", "invalid-request"],
  ["Ecs.0100", "400", "server state does not allow the operation", "wrong-state"],
  ["Ecs.0101", "400", "system disk in a bad state", "disk-state"],
  ["Ecs.0102", "400", "disk state forbids detaching", "disk-state"],
  ["Ecs.0103", "400", "disk unavailable", "disk-state"],
  ["Ecs.0105", "400", "no system disk", "no-system-disk"],
  ["Ecs.0110", "403", "role not allowed", "permission"],
  ["Ecs.0114", "404", "server does not exist", "not-found"],
  ["Ecs.0119", "400", "encryption key unavailable", "encryption"],
  [
    "Ecs.0122",
    "400",
    "idempotency token used with other parameters (create calls only)",
    "cloud-fault",
  ],
  ["Ecs.0123", "400", "idempotency token is no UUID (create calls only)", "cloud-fault"],
  ["Ecs.0124", "400", "idempotency token expired (create calls only)", "cloud-fault"],
  ["Ecs.0202", "400", "creating the system disk failed (in jobs)", "job-failed"],
  ["Ecs.0208", "400", "updating the image metadata failed (in jobs)", "job-failed"],
  ["Ecs.0226", "400", "start failed (in jobs)", "job-failed"],
  ["Ecs.0227", "400", "reboot failed (in jobs)", "job-failed"],
  ["Ecs.0301", "400", "querying the server failed", "cloud-fault"],
  ["Ecs.0304", "400", "querying the image failed", "cloud-fault"],
  ["Ecs.0314", "400", "key pair not found", "key-pair"],
  ["Ecs.0402", "400", "rollback of the system disk failed (in jobs)", "job-failed"],
  ["Ecs.0503", "400", "querying the system disk failed", "cloud-fault"],
  [
    "Ecs.0603",
    "501",
    "another operation runs on this server; try again after 1 minute",
    "server-busy",
  ],
  ["Ecs.0605", "400", "server is locked", "server-locked"],
  ["Ecs.0614", "404", "server does not exist", "not-found"],
  ["Ecs.0615", "500", "internal error", "cloud-fault"],
  ["Ecs.0912", "400", "invalid encryption attribute", "encryption"],
  [
    "Ecs.1000",
    "400",
    "call to Nova failed; with `itemNotFound` in its text: not found",
    "cloud-fault",
  ],
  [
    "Ecs.1001",
    "400",
    "call to OpenStack failed; with `itemNotFound` in its text: not found",
    "cloud-fault",
  ],
  ["Ecs.1002", "400", "OpenStack timed out; names the reinstall", "cloud-fault"],
  ["Ecs.1100", "400", "call to IAM failed", "cloud-fault"],
  ["Ecs.1200", "400", "call to VPC failed", "cloud-fault"],
  ["Ecs.1201", "400", "VPC timed out", "cloud-fault"],
  ["Ecs.1300", "400", "EVS timed out", "cloud-fault"],
  ["Pdp.0001", "403", "policy denies the action", "permission"],
  ["Common.0001", "500", "system exception", "cloud-fault"],
  ["Common.0002", "400", "empty body", "invalid-request"],
  ["Common.0011", "400", "invalid or expired job id", "job-unknown"],
  ["Common.0013", "401", "invalid token", "authentication"],
  ["Common.0018", "400", "project mismatch or invalid token", "configuration"],
  ["Common.0020", "400", "retrying the task failed", "cloud-fault"],
  ["Common.0021", "400", "a sub-job failed", "cloud-fault"],
  ["Common.0022", "400", "submitting the task failed", "cloud-fault"],
  ["Common.0024", "202", "flow limit exceeded, although the status says accepted", "throttled"],
  ["Common.0025", "400", "querying the job failed", "cloud-fault"],
  ["Common.0999", "400", "task ended because the system was down (in jobs)", "job-failed"],
  ["Common.1503", "429, 503", "API flow control", "throttled"],
];

/** ECS API notes §5.3; the prefix `APIG.` means the same. */
const GATEWAY: readonly Entry[] = [
  ["APIGW.0101", "404", "no such API: wrong host, path or method", "configuration"],
  [
    "APIGW.0201",
    "400, 413, 414, 494",
    "bad request, or body, URI or headers too long",
    "invalid-request",
    { onlyStatus: [400, 413, 414, 494] },
  ],
  ["APIGW.0201", "502, 504", "backend unavailable or timed out", "cloud-fault"],
  ["APIGW.0202", "502", "backend unavailable", "cloud-fault"],
  ["APIGW.0203", "504", "backend timed out", "cloud-fault"],
  ["APIGW.0301", "401", "signature, key, token or clock wrong, or key locked", "authentication"],
  ["APIGW.0302", "403", "IAM user not allowed", "permission"],
  ["APIGW.0303", "401", "wrong app authentication", "authentication"],
  ["APIGW.0304", "403", "app not authorised", "permission"],
  ["APIGW.0305", "401", "wrong authentication", "authentication"],
  ["APIGW.0306", "403", "access denied", "permission"],
  ["APIGW.0307", "401", "token must be updated", "authentication"],
  ["APIGW.0308", "429", "throttled", "throttled"],
  ["APIGW.0310", "403", "project unavailable", "permission"],
  ["APIGW.0402", "403", "address denied", "permission"],
  ["APIGW.0601", "500", "internal error of the gateway", "cloud-fault"],
  ["APIGW.0605", "500", "gateway cannot resolve a name", "cloud-fault"],
  ["APIGW.0606", "500", "gateway cannot load its configuration", "cloud-fault"],
  ["APIGW.0608", "500", "internal error of the gateway", "cloud-fault"],
  ["APIGW.0613", "503", "IAM unavailable", "cloud-fault"],
  ["APIGW.0802", "403", "IAM user forbidden in this region", "permission"],
];

/** ECS API notes §5.1, §5.4 and §6.1. IAM's codes come from the token call; its Keystone style has bare statuses for codes. */
const IAM: readonly Entry[] = [
  ["IAM.0001", "400", "invalid parameter of the token call", "configuration", UNKNOWN_SUBMIT],
  ["IAM.0012", "429", "IAM throttles", "throttled", UNKNOWN_SUBMIT],
  ["IAM.0061", "401", "user locked after too many wrong passwords", "authentication"],
  ["IAM.0062", "401", "wrong user or password", "authentication"],
  ["401", "401", "authentication failed (Keystone style)", "authentication", { onlyStatus: [401] }],
];

/** Native faults (ECS API notes §5.1), known by their name. Inside a reinstall they speak of some inner call: only a missing item is proof. */
const NATIVE: readonly Entry[] = [
  ["itemNotFound", "404", "native: no such item", "not-found"],
  ["badRequest", "400", "native: bad request", "invalid-request", UNKNOWN_SUBMIT],
  ["forbidden", "403", "native: forbidden", "permission", UNKNOWN_SUBMIT],
  ["conflictingRequest", "409", "native: conflicts with the state", "wrong-state", UNKNOWN_SUBMIT],
  ["overLimit", "413, 429", "native: limit reached", "throttled", UNKNOWN_SUBMIT],
  ["computeFault", "500", "native: internal error", "cloud-fault"],
];

export const ERROR_ROWS: readonly ErrorRow[] = [...SERVICE, ...GATEWAY, ...IAM, ...NATIVE].map(
  ([code, http, meaning, errorClass, more]) => ({
    code,
    http,
    meaning,
    class: errorClass,
    ...more,
  }),
);
