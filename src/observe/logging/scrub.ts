/** Gives a secret as it is now (src/config/secret.ts). */
export type SecretSource = () => string;

const CENSORED = "[redacted]";

/** Shorter values are no secrets worth the name, and replacing them would shred ordinary words. */
const MIN_SECRET_CHARS = 4;
/** Deeper objects are cut off: log fields are flat, and a cycle must end. */
const MAX_DEPTH = 8;

/** Field names whose value is never written; `_` stands for `_`, `-` or nothing, case does not matter. */
const SECRET_NAMES = [
  "access_key",
  "admin_pass",
  "authorization",
  "cookie",
  "key_pem",
  "pass",
  "passphrase",
  "passwd",
  "password",
  "private_key",
  "proxy_authorization",
  "secret",
  "secret_key",
  "security_token",
  "set_cookie",
  "signature",
  "user_data",
  "x_auth_token",
  "x_security_token",
  "x_subject_token",
] as const;
/** These are secrets when they are texts; a number is the fencing token of a lock. */
const SECRET_TEXT_NAMES = ["token", "auth_token"] as const;
const SECRET_FIELDS = new Set(SECRET_NAMES.map(folded));
const SECRET_TEXT_FIELDS = new Set(SECRET_TEXT_NAMES.map(folded));
const ANY_NAME = [...SECRET_NAMES, ...SECRET_TEXT_NAMES]
  .map((name) => name.replaceAll("_", "[-_]?"))
  .join("|");

/** Secret fields of a JSON text: pino writes a child's fields without asking the formatters. */
const FIELD = new RegExp(`"(${ANY_NAME})":"(?:[^"\\\\]|\\\\.)*"`, "gi");
/** Secret fields of JSON inside a text of JSON. */
const INNER_FIELD = new RegExp(`(\\\\"(?:${ANY_NAME})\\\\"\\s*:\\s*\\\\")[^"\\\\]*`, "gi");
/** `scheme://user:password@` in any text; greedy, for passwords that hold an @. */
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s"'/:@]*):[^\s"'/]+@/gi;
/** Headers of a request that was printed. */
const HEADER =
  /\b(authorization|x-auth-token|x-subject-token|x-security-token)(\s*[:=]\s*)[^"'\\\r\n|]+/gi;

/**
 * A copy of log fields without the values of secret fields, at any depth. Errors become plain objects by
 * `plainError`; what is no plain object or array is left as it is.
 */
export function withoutSecretFields(
  value: unknown,
  plainError: (error: Error) => unknown,
  depth = 0,
): unknown {
  if (value instanceof Error) return withoutSecretFields(plainError(value), plainError, depth);
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return value;
  if (depth >= MAX_DEPTH) return "[deeper]";
  if (Array.isArray(value)) {
    return value.map((one) => withoutSecretFields(one, plainError, depth + 1));
  }
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      isSecretField(key, one) ? CENSORED : withoutSecretFields(one, plainError, depth + 1),
    ]),
  );
}

/** Takes secrets out of finished text: the known ones by value, others by the shape of what surrounds them. */
export function createScrubber(secrets: readonly SecretSource[]): (text: string) => string {
  /** Every value ever seen, in each spelling that a line may hold: a rotated secret stays secret. */
  const needles = new Set<string>();
  let longestFirst: readonly string[] = [];

  function learn(): void {
    const before = needles.size;
    for (const secret of secrets) {
      const value = secret();
      if (value.length < MIN_SECRET_CHARS || needles.has(value)) continue;
      for (const spelling of spellings(value)) needles.add(spelling);
    }
    if (needles.size === before) return;
    longestFirst = [...needles].sort((a, b) => b.length - a.length);
  }

  return (text) => {
    learn();
    let clean = text;
    for (const needle of longestFirst) {
      if (clean.includes(needle)) clean = clean.replaceAll(needle, CENSORED);
    }
    return clean
      .replace(URL_PASSWORD, `$1:${CENSORED}@`)
      .replace(FIELD, `"$1":"${CENSORED}"`)
      .replace(INNER_FIELD, `$1${CENSORED}`)
      .replace(HEADER, `$1$2${CENSORED}`);
  };
}

/** As it is, inside JSON, inside JSON inside JSON, and inside a URL. */
function spellings(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1);
  return [value, json, JSON.stringify(json).slice(1, -1), encodeURIComponent(value)];
}

function isSecretField(key: string, value: unknown): boolean {
  if (value === null || value === undefined) return false;
  const name = folded(key);
  return SECRET_FIELDS.has(name) || (typeof value === "string" && SECRET_TEXT_FIELDS.has(name));
}

function folded(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, "");
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
