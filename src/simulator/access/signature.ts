import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** A request as it came over the wire, before anything was decoded or normalised. */
export interface WireRequest {
  readonly method: string;
  /** Path and query as sent, e.g. `/v1/p/jobs/j?limit=1`. */
  readonly target: string;
  /** Names in lower case; values as sent, several of one name joined with `,`. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

export interface ParsedAuthorization {
  readonly accessKey: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

const ALGORITHM = "SDK-HMAC-SHA256";
const UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD";

/** ECS API reference notes §6.2 step 10: no comma after the algorithm, comma and one space between the parts. */
export function parseAuthorization(value: string): ParsedAuthorization | undefined {
  const match =
    /^SDK-HMAC-SHA256 Access=([^,\s]+), SignedHeaders=([^,\s]+), Signature=([0-9a-f]{64})$/.exec(
      value,
    );
  if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) {
    return undefined;
  }
  return { accessKey: match[1], signedHeaders: match[2].split(";"), signature: match[3] };
}

/** Epoch milliseconds of an `X-Sdk-Date` (`YYYYMMDDTHHMMSSZ`); undefined when it is none. */
export function parseSdkDate(value: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(value);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const atMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(atMs) ? undefined : atMs;
}

/** ECS API reference notes §6.2 steps 2 to 7. Throws `URIError` when the target is not decodable. */
export function canonicalRequest(request: WireRequest, signedHeaders: readonly string[]): string {
  const [path, query] = splitTarget(request.target);
  const headers = signedHeaders.map((n) => `${n}:${(request.headers.get(n) ?? "").trim()}\n`);
  return [
    request.method.toUpperCase(),
    canonicalPath(path),
    canonicalQuery(query),
    headers.join(""),
    signedHeaders.join(";"),
    request.headers.get("x-sdk-content-sha256") ?? sha256Hex(request.body),
  ].join("\n");
}

/** ECS API reference notes §6.2 steps 8 and 9: the secret key is used as it is, without a derived-key chain. */
export function sign(canonical: string, sdkDate: string, secretKey: string): string {
  const stringToSign = `${ALGORITHM}\n${sdkDate}\n${sha256Hex(canonical)}`;
  return createHmac("sha256", secretKey).update(stringToSign).digest("hex");
}

/** Compares in constant time: how long a refusal takes must not tell how much of a guess was right. */
export function sameSignature(left: string, right: string): boolean {
  const a = Buffer.from(left);
  const b = Buffer.from(right);
  return a.length === b.length && timingSafeEqual(a, b);
}

/** False when a content hash was sent that is not the body's: the signature then covers some other body. */
export function contentHashHolds(request: WireRequest): boolean {
  const sent = request.headers.get("x-sdk-content-sha256");
  return sent === undefined || sent === UNSIGNED_PAYLOAD || sent === sha256Hex(request.body);
}

/** The names must be lower case, sorted and without repetition, and the date among them (§6.2). */
export function signedHeadersProblem(names: readonly string[]): string | undefined {
  if (!names.includes("x-sdk-date")) return "x-sdk-date is not signed";
  const sorted = names.every((name, i) => i === 0 || (names[i - 1] ?? "") < name);
  const lowerCase = names.every((name) => name === name.toLowerCase());
  return sorted && lowerCase ? undefined : "SignedHeaders is not sorted or not in lower case";
}

export function sha256Hex(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

function splitTarget(target: string): [string, string] {
  const mark = target.indexOf("?");
  return mark < 0 ? [target, ""] : [target.slice(0, mark), target.slice(mark + 1)];
}

function canonicalPath(path: string): string {
  const encoded = path
    .split("/")
    .map((segment) => encode(decodeURIComponent(segment)))
    .join("/");
  return encoded.endsWith("/") ? encoded : `${encoded}/`;
}

function canonicalQuery(query: string): string {
  if (query === "") return "";
  return (
    query
      .split("&")
      .map((pair) => {
        const mark = pair.indexOf("=");
        const [key, value] = mark < 0 ? [pair, ""] : [pair.slice(0, mark), pair.slice(mark + 1)];
        return [decodeForm(key), decodeForm(value)] as const;
      })
      // Sorted before encoding, as the vendor's signer does: encoded, `%7B` would come before `-`.
      .sort(([k1, v1], [k2, v2]) => (k1 === k2 ? compare(v1, v2) : compare(k1, k2)))
      .map(([key, value]) => `${encode(key)}=${encode(value)}`)
      .join("&")
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function decodeForm(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}

/** RFC 3986: unlike `encodeURIComponent`, `! ' ( ) *` do not stay as they are. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
