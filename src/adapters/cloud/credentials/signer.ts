import { createHmac, hash } from "node:crypto";
import { wellFormedText } from "../../../core/intake/reading/well-formed.ts";

/** A request as it goes over the wire. What is signed must reach the gateway unchanged. */
export interface SignableRequest {
  readonly method: string;
  /** Path as sent, percent-encoded, without query. */
  readonly path: string;
  /** Pairs before encoding; {@link queryString} gives the text to send. */
  readonly query?: readonly (readonly [string, string])[];
  /** Every header here is signed; `x-sdk-date` and `host` must be among them. Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The exact bytes of the body; absent or empty: no body. */
  readonly body?: Uint8Array | undefined;
}

export interface SigningKey {
  readonly accessKey: string;
  readonly secretKey: string;
}

const ALGORITHM = "SDK-HMAC-SHA256";

/**
 * The value of `Authorization` (ECS API notes §6.2). Pure: the date is the request's `x-sdk-date`. The
 * secret key is used as it is; there is no derived-key chain as in AWS SigV4.
 */
export function authorization(request: SignableRequest, key: SigningKey): string {
  const toSign = stringToSign(request);
  const signature = createHmac("sha256", key.secretKey).update(toSign).digest("hex");
  return `${ALGORITHM} Access=${key.accessKey}, SignedHeaders=${signedHeaders(request)}, Signature=${signature}`;
}

/**
 * Step 8: algorithm, date, and the hash of the canonical request.
 *
 * @internal
 */
export function stringToSign(request: SignableRequest): string {
  const date = request.headers["x-sdk-date"];
  if (date === undefined) throw new Error("a request without x-sdk-date cannot be signed");
  return [ALGORITHM, date, sha256Hex(canonicalRequest(request))].join("\n");
}

/**
 * Steps 2 to 7.
 *
 * @internal
 */
export function canonicalRequest(request: SignableRequest): string {
  const headers = sortedNames(request).map((name) => `${name}:${request.headers[name]?.trim()}\n`);
  return [
    request.method,
    canonicalPath(request.path),
    canonicalQuery(request.query ?? []),
    headers.join(""),
    signedHeaders(request),
    sha256Hex(request.body ?? ""),
  ].join("\n");
}

/** `YYYYMMDDTHHMMSSZ`: the signature's time has whole seconds, rounded down. */
export function sdkDate(epochMs: number): string {
  return new Date(epochMs).toISOString().replaceAll(/[-:]|\.\d+/g, "");
}

/** RFC 3986: unlike `encodeURIComponent`, `! ' ( ) *` do not stay as they are, and there is no text that it throws at. */
export function encodeRfc3986(text: string): string {
  return encodeURIComponent(wellFormedText(text)).replaceAll(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The query to send, without `?`. The gateway sorts for itself; we send what we signed. */
export function queryString(query: readonly (readonly [string, string])[]): string {
  return canonicalQuery(query);
}

/** The closing slash is only in the canonical form; the URL that is sent has none. */
function canonicalPath(path: string): string {
  const encoded = path
    .split("/")
    .map((segment) => encodeRfc3986(decodeURIComponent(segment)))
    .join("/");
  return encoded.endsWith("/") ? encoded : `${encoded}/`;
}

function canonicalQuery(query: readonly (readonly [string, string])[]): string {
  return query
    .map(([key, value]) => [encodeRfc3986(key), encodeRfc3986(value)] as const)
    .sort(([k1, v1], [k2, v2]) => compare(k1, k2) || compare(v1, v2))
    .map(([key, value]) => `${key}=${value}`)
    .join("&");
}

function signedHeaders(request: SignableRequest): string {
  return sortedNames(request).join(";");
}

function sortedNames(request: SignableRequest): string[] {
  return Object.keys(request.headers).sort(compare);
}

/** By code units: `localeCompare` would sort differently from machine to machine. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sha256Hex(data: string | Uint8Array): string {
  return hash("sha256", data, "hex");
}
