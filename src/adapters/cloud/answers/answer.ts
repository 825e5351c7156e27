import { parsedWellFormed } from "../../../core/intake/reading/well-formed.ts";
import type { HttpAnswer } from "../http/exchange.ts";
import { presentable } from "../http/redact.ts";
import { retryAfterMs, type StatedLimit, statedLimit } from "../http/retry-after.ts";

/** An answer of the cloud, whatever its shape was. Holds no secret that was named to {@link readAnswer}. */
export interface Answer {
  readonly status: number;
  /** The body when it is a JSON object; null for HTML, nothing, half an object, a list… */
  readonly json: Readonly<Record<string, unknown>> | null;
  /** The cloud's error code, e.g. `Ecs.0100`; null: none, and so perhaps no error. */
  readonly code: string | null;
  readonly message: string;
  /** Native calls name the fault instead of a code: `itemNotFound`. */
  readonly fault: string | null;
  readonly requestId: string | null;
  /** The cloud's clock now, at the end of the exchange; null: no `Date` header. */
  readonly cloudTimeMs: number | null;
  readonly retryAfterMs: number | null;
  /** The quota that a throttling answer names; null: none. */
  readonly statedLimit: StatedLimit | null;
  /** A mere 503 beside calls that were answered: the cloud lives, and this call was one too many. */
  readonly isOneTooMany?: boolean;
  /** It refuses our signature, and the clocks are so far apart that it had to. */
  readonly refusesOurClock?: boolean;
  /** It refuses a signature that arrived too late: our process stood still. Says nothing about clock and credentials. */
  readonly refusesItsAge?: boolean;
}

const MAX_CODE_CHARS = 64;

export interface ReadOptions {
  /** Values that must not appear in the message. */
  readonly secrets: readonly string[];
  readonly nowMs: number;
  readonly maxRetryAfterMs?: number | undefined;
}

/** Tolerates any body and any content type: only what the body holds counts. */
export function readAnswer(http: HttpAnswer, options: ReadOptions): Answer {
  const json = parseObject(http.body);
  const error = json === null ? null : errorOf(json);
  const rawMessage = error?.message ?? (json === null ? strayText(http.body) : "");
  const cloudTimeMs = cloudTime(http);
  return {
    status: http.status,
    json,
    code: error?.code ?? null,
    message: presentable(rawMessage, options.secrets),
    fault: error?.fault ?? null,
    requestId: requestIdOf(http, json),
    cloudTimeMs,
    retryAfterMs: retryAfterMs(
      http.headers.get("retry-after") ?? null,
      rawMessage,
      cloudTimeMs ?? options.nowMs,
      options.maxRetryAfterMs,
    ),
    statedLimit: statedLimit(rawMessage),
  };
}

interface ErrorParts {
  readonly code: string | null;
  readonly message: string;
  readonly fault: string | null;
}

/**
 * The normalisation order of ECS API notes §5.1: `error.code`, `error_code`, top-level `code`, then the first
 * nested object that has a code and a message (native faults). A job's `error_code` is the job's, not the query's.
 */
function errorOf(json: Readonly<Record<string, unknown>>): ErrorParts | null {
  if (typeof json["job_id"] === "string" && typeof json["status"] === "string") return null;
  const wrapped = wordsOf(json["error"]);
  if (wrapped !== null && hasWords(wrapped)) return parts(wrapped);
  const gateway = gatewayWords(json);
  if (gateway !== null) return parts(gateway);
  const top = wordsOf(json);
  if (top !== null && hasWords(top)) return parts(top);
  for (const [name, value] of Object.entries(json)) {
    const nested = wordsOf(value);
    if (nested?.code !== undefined && nested.message !== undefined) return parts(nested, name);
  }
  return null;
}

/*
 * Read by hand: nearly every answer is a success, and a schema that does not fit makes an error object, with its stack, at
 * each of these places.
 */

/** Null: no object, or one whose `code` or `message` is something else than a text or a number. */
function wordsOf(value: unknown): Words | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { code, message } = value as Readonly<Record<string, unknown>>;
  return isText(code) && isText(message) ? { code: textOf(code), message: textOf(message) } : null;
}

function gatewayWords(json: Readonly<Record<string, unknown>>): Words | null {
  const { error_code: code, error_msg: message } = json;
  if (code === undefined || !isText(code) || !isText(message)) return null;
  return { code: textOf(code), message: textOf(message) };
}

function isText(value: unknown): value is string | number | undefined {
  return value === undefined || typeof value === "string" || Number.isFinite(value);
}

function textOf(value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

interface Words {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

function hasWords({ code, message }: Words): boolean {
  return code !== undefined || message !== undefined;
}

function parts(error: Words, fault: string | null = null): ErrorParts {
  const code = (error.code ?? "").replaceAll(/[^A-Za-z0-9._-]/g, "").slice(0, MAX_CODE_CHARS);
  return { code: code === "" ? null : code, message: error.message ?? "", fault };
}

function parseObject(body: string): Readonly<Record<string, unknown>> | null {
  try {
    // Some servers put a byte order mark before their JSON.
    const value: unknown = parsedWellFormed(body.replace(/^\uFEFF/, ""));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** What a proxy says in HTML or plain text, without its tags. */
function strayText(body: string): string {
  return body
    .slice(0, 4_000)
    .replaceAll(/<(script|style)[\s\S]*?(<\/\1>|$)/gi, " ")
    .replaceAll(/<[^>]*>?/g, " ");
}

/** Optional: a capture of 2021 shows no `X-Request-Id` (ECS API notes §5.1). */
function requestIdOf(
  http: HttpAnswer,
  json: Readonly<Record<string, unknown>> | null,
): string | null {
  const found = http.headers.get("x-request-id") ?? json?.["request_id"];
  return typeof found === "string" && /^[A-Za-z0-9._:-]{1,128}$/.test(found) ? found : null;
}

/**
 * `Date` is the cloud's clock somewhere during the exchange: taken for its middle, so half of the exchange has
 * passed since. Whole seconds; good enough for a limit of a minute.
 */
function cloudTime(http: HttpAnswer): number | null {
  const dateMs = Date.parse(http.headers.get("date") ?? "");
  return Number.isNaN(dateMs) ? null : Math.round(dateMs + http.elapsedMs / 2);
}
