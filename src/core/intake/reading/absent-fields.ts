import { readInstant } from "../../../contract/instant.ts";
import { isRecord } from "./is-record.ts";
import { LEVELS } from "./unknown-fields.ts";

const INSTANTS = ["expires_at", "observed_at", "not_before"];

export interface Present {
  /** The command without what counts as absent. Anything that is no object comes back as it is. */
  readonly fields: unknown;
  /** Dotted names of known fields that were `null`: what serialisers write for a field that is not set. */
  readonly nulls: readonly string[];
  /** Names of instants that were the zero of Go and .NET: never set. */
  readonly unsetTimes: readonly string[];
}

/**
 * Takes out what emitters write for "not set". Whether a field may be absent is for the rules of the command to say:
 * a needed one is then missing. Fields that nobody reads stay as they are.
 */
export function withoutAbsent(value: unknown): Present {
  const nulls: string[] = [];
  const unsetTimes: string[] = [];
  const absentAt = (path: readonly string[], key: string, member: unknown): boolean => {
    const name = [...path, key].join(".");
    if (member === null) nulls.push(name);
    const unset = path.length === 0 && INSTANTS.includes(key) && isUnset(member);
    if (unset) unsetTimes.push(name);
    return member === null || unset;
  };
  const clean = (object: unknown, depth: number): unknown => {
    const level = LEVELS[depth];
    if (!isRecord(object) || level === undefined) return object;
    const below = LEVELS[depth + 1]?.path.at(-1);
    const members = Object.entries(object)
      .filter(([key, member]) => !(level.known.includes(key) && absentAt(level.path, key, member)))
      .map(([key, member]) => [key, key === below ? clean(member, depth + 1) : member] as const);
    return Object.fromEntries(members);
  };
  return { fields: clean(value, 0), nulls, unsetTimes };
}

function isUnset(member: unknown): boolean {
  return typeof member === "string" && readInstant(member).kind === "unset";
}
