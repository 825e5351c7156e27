import { isDeepStrictEqual } from "node:util";
import type { JsonSchema } from "./json-schema.ts";

/** Who must get along with whom when a schema changes (docs/contract/README.md). */
export type Direction =
  /** What emitters write: each command that was valid stays valid. */
  | "written-to-us"
  /** What the worker writes: readers of the older schema read the new, and readers of the new read what was kept. */
  | "written-by-us";

/** What of a change breaks somebody, one line each: path and reason. Nothing: both sides get along. */
export function breaks(old: JsonSchema, now: JsonSchema, direction: Direction): string[] {
  const lines = narrowed(old, now, "");
  if (direction === "written-by-us") lines.push(...widened(old, now, ""));
  return [...new Set(lines)];
}

const LOWER_BOUNDS = ["minLength", "minimum", "minItems", "exclusiveMinimum"];
const UPPER_BOUNDS = ["maxLength", "maximum", "maxItems", "exclusiveMaximum"];
/** Rules of which nobody here can tell whether another text is stricter: any change counts. */
const OPAQUE = ["pattern", "format", "not", "dependentRequired", "dependentSchemas", "anyOf"];

/** Values that the old schema takes and the new one does not. */
function narrowed(old: JsonSchema, now: JsonSchema, path: string): string[] {
  const lines: string[] = [];
  const say = (reason: string) => lines.push(`${path || "the whole"}: ${reason}`);
  for (const type of list(old["type"])) {
    if (now["type"] !== undefined && !list(now["type"]).includes(type))
      say(`no longer ${String(type)}`);
  }
  if (old["type"] === undefined && now["type"] !== undefined) say("has a type now");
  const allowed = valuesOf(now);
  for (const value of valuesOf(old) ?? []) {
    if (allowed !== null && !allowed.includes(value)) say(`no longer ${JSON.stringify(value)}`);
  }
  if (valuesOf(old) === null && allowed !== null) say("takes only a list of values now");
  for (const key of LOWER_BOUNDS)
    if (bound(now, key, -Infinity) > bound(old, key, -Infinity)) say(`${key} grew`);
  for (const key of UPPER_BOUNDS)
    if (bound(now, key, Infinity) < bound(old, key, Infinity)) say(`${key} shrank`);
  for (const key of OPAQUE) {
    if (now[key] !== undefined && !isDeepStrictEqual(old[key], now[key])) say(`${key} is another`);
  }
  for (const name of list(now["required"])) {
    if (!list(old["required"]).includes(name)) say(`${String(name)} is needed now`);
  }
  for (const value of list(old["x-known-values"])) {
    if (!list(now["x-known-values"]).includes(value))
      say(`${String(value)} is no known value any more`);
  }
  const members = membersOf(now);
  for (const [name, member] of Object.entries(membersOf(old))) {
    const at = path === "" ? name : `${path}.${name}`;
    const next = members[name];
    lines.push(...(next === undefined ? [`${at}: was removed`] : narrowed(member, next, at)));
  }
  return [...lines, ...itemsOf(old, now, path, narrowed)];
}

/** Values that the new schema makes possible, and for which a reader of the old one is not prepared. */
function widened(old: JsonSchema, now: JsonSchema, path: string): string[] {
  const lines: string[] = [];
  const say = (reason: string) => lines.push(`${path || "the whole"}: ${reason}`);
  for (const type of list(now["type"])) {
    if (old["type"] !== undefined && !list(old["type"]).includes(type))
      say(`may be ${String(type)} now`);
  }
  if (old["type"] !== undefined && now["type"] === undefined) say("may be anything now");
  const known = valuesOf(old);
  for (const value of valuesOf(now) ?? (known === null ? [] : [undefined])) {
    if (known !== null && !known.includes(value)) {
      say(value === undefined ? "may be any value now" : `may be ${JSON.stringify(value)} now`);
    }
  }
  for (const name of list(old["required"])) {
    if (!list(now["required"]).includes(name)) say(`${String(name)} may be missing now`);
  }
  const members = membersOf(now);
  for (const [name, member] of Object.entries(membersOf(old))) {
    const next = members[name];
    if (next !== undefined)
      lines.push(...widened(member, next, path === "" ? name : `${path}.${name}`));
  }
  return [...lines, ...itemsOf(old, now, path, widened)];
}

function itemsOf(
  old: JsonSchema,
  now: JsonSchema,
  path: string,
  compare: (old: JsonSchema, now: JsonSchema, path: string) => string[],
): string[] {
  const [before, after] = [old["items"], now["items"]] as (JsonSchema | undefined)[];
  if (before === undefined && after === undefined) return [];
  return compare(before ?? {}, after ?? {}, `${path}[]`);
}

function valuesOf(schema: JsonSchema): readonly unknown[] | null {
  if ("const" in schema) return [schema["const"]];
  return Array.isArray(schema["enum"]) ? schema["enum"] : null;
}

function membersOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  return (schema["properties"] ?? {}) as Readonly<Record<string, JsonSchema>>;
}

function bound(schema: JsonSchema, key: string, none: number): number {
  const value = schema[key];
  return typeof value === "number" ? value : none;
}

function list(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
