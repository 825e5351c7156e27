import type { z } from "zod";
import type { Problem } from "../../contract/command.ts";

/** An answer names this many problems: a list of thousands helps nobody. */
const MAX_PROBLEMS = 50;

/** What the library calls a value that is not there: `invalid_value` where one of a few was expected. */
const MISSING = new Set<string | undefined>(["invalid_type", "invalid_value"]);

/** The rules that a value broke, in the contract's own words. `prefix` is a dotted path, empty for the whole message. */
export function problemsOf(error: z.ZodError, prefix: string): Problem[] {
  return error.issues.map((issue) => {
    const missing = issue.input === undefined && MISSING.has(issue.code);
    const rule = issue.code === "custom" ? issue.params?.["rule"] : undefined;
    return {
      path: [prefix, ...issue.path.map(String)].filter((part) => part !== "").join("."),
      code: typeof rule === "string" ? rule : missing ? "missing" : issue.code,
      message: missing ? "is needed" : issue.message,
    };
  });
}

/** Each problem once, and not more than anybody reads. */
export function uniqueProblems(problems: readonly Problem[]): Problem[] {
  const seen = new Map(problems.map((p) => [`${p.path} ${p.code}`, p]));
  return [...seen.values()].slice(0, MAX_PROBLEMS);
}
