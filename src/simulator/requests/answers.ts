import { catalogueEntry } from "./error-catalogue.ts";

/** One HTTP answer of the cloud, before any fault has touched it. */
export interface CloudAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The error code in the body; absent: not an error. */
  readonly code?: string;
}

/** Why the cloud says no: a code of the catalogue and, where it helps, a better text than the catalogue's. */
export interface Refusal {
  readonly code: string;
  readonly message?: string;
  /** Instead of the catalogue's status. */
  readonly status?: number;
}

/** The error shapes of ECS API reference notes §5.1. `service` is `{"error": {...}}`, `job-query` the top-level form. */
export type ErrorShape = "service" | "job-query" | "native" | "gateway" | "keystone";

export function jsonAnswer(status: number, body: unknown): CloudAnswer {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

/** Gateway and IAM codes keep their own shape whatever API they answer for. */
export function errorAnswer(refusal: Refusal, shape: ErrorShape, requestId: string): CloudAnswer {
  const known = catalogueEntry(refusal.code);
  const status = refusal.status ?? known?.status ?? 400;
  const message = refusal.message ?? known?.message ?? "Error.";
  const makeBody = ERROR_BODIES[shapeOf(refusal.code, shape)];
  const body = makeBody({ code: refusal.code, status, message }, requestId);
  return { ...jsonAnswer(status, body), code: refusal.code };
}

function shapeOf(code: string, asked: ErrorShape): ErrorShape {
  return /^(APIGW|APIG|IAM)\./.test(code) ? "gateway" : asked;
}

interface FullRefusal {
  readonly code: string;
  readonly message: string;
  readonly status: number;
}

type BodyMaker = (refusal: FullRefusal, requestId: string) => object;

const ERROR_BODIES: Readonly<Record<ErrorShape, BodyMaker>> = {
  service: ({ code, message }) => ({ error: { code, message } }),
  "job-query": ({ code, message }) => ({ code, message }),
  // In Paris the numeric code of a native error came as a string (§5.1).
  native: ({ status, message }) => ({
    [nativeFault(status)]: { message, code: String(status) },
  }),
  // IAM bodies have the same two fields and no request id.
  gateway: ({ code, message }, requestId) =>
    code.startsWith("IAM.")
      ? { error_code: code, error_msg: message }
      : { error_code: code, error_msg: message, request_id: requestId },
  keystone: ({ status, message }) => ({
    error: { code: status, message, title: KEYSTONE_TITLES[status] ?? "Error" },
  }),
};

const KEYSTONE_TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
};

function nativeFault(status: number): string {
  switch (status) {
    case 400:
      return "badRequest";
    case 403:
      return "forbidden";
    case 404:
      return "itemNotFound";
    case 409:
      return "conflictingRequest";
    case 413:
    case 429:
      return "overLimit";
    default:
      return "computeFault";
  }
}
