import { z } from "zod";

/** What the documentation says about a setting; read back from the schema with `.meta()`. */
export interface FieldMeta {
  readonly unit?: string;
  /** What is taken, in words. */
  readonly accepts?: string;
  /** Its value is never shown. */
  readonly secret?: boolean;
  readonly [key: string]: unknown;
}

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/*
 * Fields take what YAML holds and what an environment variable can say: `10` and `"10"`, `[a, b]` and
 * `"a,b"`. Messages say the rule and never the value: it may be a secret in the wrong place.
 */

/** A whole number; the unit is for people. */
export function whole(unit: string, min: number, max: number) {
  const of = unit === "" ? "" : ` (${unit})`;
  const error = rule(`must be a whole number from ${min} to ${max}${of}`);
  return z
    .preprocess(
      fromDigits,
      z.number({ error }).int({ error }).min(min, { error }).max(max, { error }),
    )
    .meta({ unit, accepts: `${min} to ${max}` } satisfies FieldMeta);
}

/** A number from 0 to 1. */
export function fraction() {
  const error = rule("must be a number from 0 to 1");
  return z
    .preprocess(fromDecimal, z.number({ error }).min(0, { error }).max(1, { error }))
    .meta({ accepts: "0 to 1" } satisfies FieldMeta);
}

/** A switch: `true`, `false` and what else `z.stringbool()` reads. */
export function bool() {
  return z
    .union([z.boolean(), z.stringbool()], { error: rule("must be true or false") })
    .meta({ accepts: "`true`, `false`" } satisfies FieldMeta);
}

/** One word of a closed list. */
export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z
    .enum(values, { error: rule(`must be one of ${values.join(", ")}`) })
    .meta({ accepts: values.map((value) => `\`${value}\``).join(", ") } satisfies FieldMeta);
}

/** A text of one line, 1 to 1024 characters unless the pattern says otherwise. */
export function text(pattern = /^[^\r\n]{1,1024}$/, message = "must be a text of one line") {
  return z.string({ error: rule(message) }).regex(pattern, message);
}

/** A secret given as it is. Line ends after it are cut off: they come from files and `echo`, and belong to no secret. */
export function secret() {
  return z
    .string({ error: rule("must be a text") })
    .transform(withoutLineEnd)
    .refine((value) => /^[^\r\n]{1,65536}$/.test(value), "must be a text of one line")
    .meta({ secret: true } satisfies FieldMeta);
}

/** Path of a file; that it can be read is checked when it is read. */
export function filePath() {
  return text(/^[^\0\r\n]{1,4096}$/, "must be the path of a file").meta({
    accepts: "path of a file",
  } satisfies FieldMeta);
}

/** A list, or one text with commas between its entries. */
export function list<T extends z.ZodType>(
  item: T,
  { min, max }: { readonly min: number; readonly max: number },
  message = `must be a list of ${min} to ${max}, separated by commas`,
) {
  const error = rule(message);
  return z
    .preprocess(fromCommas, z.array(item, { error }).min(min, { error }).max(max, { error }))
    .meta({ ...itemMeta(item), accepts: `comma list${itemAccepts(item)}` } satisfies FieldMeta);
}

/** A list that names no entry twice. */
export function uniqueList<T extends z.ZodType>(
  item: T,
  limits: { readonly min: number; readonly max: number },
  message?: string,
) {
  return list(item, limits, message).refine(
    (items) => new Set(items.map((one) => JSON.stringify(one))).size === items.length,
    "must name each entry once",
  );
}

/** A list of objects, which an environment variable gives as JSON. `each` checks what must be an object. */
export function jsonList<T extends z.ZodType>(
  each: T,
  { max, example }: { readonly max: number; readonly example: string },
) {
  const error = rule(`must be a JSON list of at most ${max} objects, such as ${example}`);
  const item = z
    .custom<object>(isPlainObject, { error: `must be an object, as in ${example}` })
    .pipe(each as z.ZodType<z.output<T>, object>);
  return z.preprocess(fromJson, z.array(item, { error }).max(max, { error }));
}

/** AMQP names: short strings, and `amq.` is the broker's own. 160 bytes leave room for what the worker appends. */
export function amqpName() {
  const message = "must be 1-160 printable ASCII characters that do not begin with amq.";
  return text(/^(?!amq\.)[\x21-\x7e]{1,160}$/, message);
}

/** A URL of Redis: `redis://` or `rediss://`, with at most a database number as its path. */
export function redisUrl() {
  return z
    .string({ error: rule(REDIS_URL_RULE) })
    .superRefine((value, context) => {
      const message = redisUrlProblem(value);
      if (message !== null) context.addIssue({ code: "custom", message });
    })
    .meta({ secret: true, accepts: "`redis://`, `rediss://`" } satisfies FieldMeta);
}

const REDIS_URL_RULE =
  "must be a redis:// or rediss:// URL with a host, and a database number at most";

/** Says what is wrong by what is most often behind it, and nothing of the value. */
function redisUrlProblem(value: string): string | null {
  const url = isUrl(value, ["redis:", "rediss:"]) ? new URL(value) : null;
  const plain = url !== null && url.search === "" && url.hash === "";
  if (plain && /^(\/\d{0,4})?$/.test(url.pathname) && !url.hostname.includes(",")) return null;
  if (value.slice(value.lastIndexOf("@") + 1).includes(",")) {
    return `${REDIS_URL_RULE}: it takes one host; more than one go into REDIS_SENTINEL_HOSTS or REDIS_CLUSTER_NODES`;
  }
  if (value.includes("@")) {
    return `${REDIS_URL_RULE}: in a user or password, characters like # / ? : @ % must be percent-encoded (# is %23), or use REDIS_USERNAME and REDIS_PASSWORD (each also as …_FILE)`;
  }
  return REDIS_URL_RULE;
}

/** Base URL of an HTTP API: scheme, host and port, nothing else. Given back without the closing slash. */
export function endpoint() {
  const message = "must be an https:// URL of a host, without path, query or user";
  return z
    .string({ error: rule(message) })
    .refine((value) => isUrl(value, ["https:", "http:"]) && isBare(new URL(value)), message)
    .transform((value) => new URL(value).origin)
    .meta({ accepts: "`https://host`" } satisfies FieldMeta);
}

/** URL that paths are put after: scheme, host, port and perhaps a path. Given back without the closing slash. */
export function baseUrl() {
  const message = "must be an https:// or http:// URL, without query or user";
  return z
    .string({ error: rule(message) })
    .refine((value) => {
      if (!isUrl(value, ["https:", "http:"])) return false;
      const { username, password, search, hash } = new URL(value);
      return [username, password, search, hash].every((part) => part === "");
    }, message)
    .transform((value) => new URL(value).href.replace(/\/$/, ""))
    .meta({ accepts: "`https://host/path`, `http://host/path`" } satisfies FieldMeta);
}

/** `host`, `host:port` or `[ipv6]:port`. */
export function address(defaultPort: number) {
  const message = "must be host:port";
  return z
    .string({ error: rule(message) })
    .transform((value, context): Address => {
      const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(value);
      const port = Number(match?.[3] ?? defaultPort);
      const host = match?.[1] ?? match?.[2];
      if (host !== undefined && port >= 1 && port <= 65_535) return { host, port };
      context.issues.push({ code: "custom", message, input: value });
      return z.NEVER;
    })
    .meta({ accepts: "`host:port`" } satisfies FieldMeta);
}

/** Cuts line ends off a secret. */
export function withoutLineEnd(value: string): string {
  return value.replace(/[\r\n]+$/, "");
}

/** The message of a field that is missing or wrong. */
export function rule(message: string) {
  return (issue: { readonly input?: unknown }) =>
    issue.input === undefined ? `is missing: ${message}` : message;
}

function fromDigits(value: unknown): unknown {
  return typeof value === "string" && /^\s*-?\d{1,15}\s*$/.test(value) ? Number(value) : value;
}

function fromDecimal(value: unknown): unknown {
  return typeof value === "string" &&
    /^\s*\d{0,15}(\.\d{1,15})?\s*$/.test(value) &&
    /\d/.test(value)
    ? Number(value)
    : value;
}

function fromCommas(value: unknown): unknown {
  if (typeof value !== "string") return value;
  // A variable that is empty counts as not set: so an empty list is said like this.
  if (value.trim() === "[]") return [];
  return value
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** What is no JSON stays a text, which is no list. */
function fromJson(value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (value.trim() === "") return [];
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function isPlainObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isUrl(value: string, protocols: readonly string[]): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  return protocols.includes(url.protocol) && url.hostname !== "";
}

function isBare(url: URL): boolean {
  return (
    url.pathname === "/" &&
    url.search === "" &&
    url.hash === "" &&
    url.username === "" &&
    url.password === ""
  );
}

function itemMeta(item: z.ZodType): FieldMeta {
  return item.meta() ?? {};
}

function itemAccepts(item: z.ZodType): string {
  const { accepts } = itemMeta(item);
  return accepts === undefined ? "" : ` of ${accepts}`;
}
