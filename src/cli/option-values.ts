import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import type { z } from "zod";
import { repeatedNames, repeatedProblem } from "../core/intake/reading/repeated-names.ts";

/*
 * Parsers for commander: what they throw becomes one line that names the option.
 */

/** A value that a schema of the contract takes. */
export function matching(schema: z.ZodType<string>) {
  return (text: string): string => {
    const result = schema.safeParse(text);
    if (result.success) return result.data;
    throw new InvalidArgumentError(`It ${result.error.issues[0]?.message ?? "is malformed"}.`);
  };
}

/** One of these words, given once or several times. */
export function oneOf(words: readonly string[]) {
  return (text: string, before: readonly string[] = []): readonly string[] => {
    if (words.includes(text)) return [...before, text];
    throw new InvalidArgumentError(`It must be one of ${words.join(", ")}.`);
  };
}

/** The content of a file, as base64. */
export function base64File(path: string): string {
  return content(path).toString("base64");
}

/** The content of a file, which is JSON. */
export function jsonFile(path: string): unknown {
  const text = content(path).toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InvalidArgumentError("It is no JSON.");
  }
  // The worker would see only the last one.
  const [twice] = repeatedNames(text).map(repeatedProblem);
  if (twice === undefined) return value;
  throw new InvalidArgumentError(`It has ${twice.path} more than once.`);
}

/** Reads a whole number of seconds, 1 to 999 999; throws wrong usage. */
export function seconds(text: string): number {
  if (/^\d{1,6}$/.test(text) && Number(text) > 0) return Number(text);
  throw new InvalidArgumentError("It must be a whole number of seconds from 1 to 999999.");
}

const UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** A lifted storm is remembered for so long (`LIFTED_KEPT_MS` of adapters/redis/pause-store.ts). */
const LONGEST_MS = 30 * UNITS_MS.d;

/** Reads a duration such as `45m`, `8h` or `2d`, in ms; throws wrong usage. */
export function duration(text: string): number {
  const [, number, unit] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  const ms = Number(number ?? 0) * UNITS_MS[(unit ?? "m") as keyof typeof UNITS_MS];
  if (ms > 0 && ms <= LONGEST_MS) return ms;
  throw new InvalidArgumentError("It must be a duration such as 45m, 8h or 2d, at most 30d.");
}

/** Reads a whole number within a range; throws wrong usage. */
export function wholeNumber(least: number, most: number) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d{1,9}$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

function content(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InvalidArgumentError(`It cannot be read (${code ?? "unknown error"}).`);
  }
}
