import type { CommandBody, Problem } from "../../contract/command.ts";
import type { IntakeRules } from "./intake-rules.ts";

/**
 * Rules of the command that no field can break alone, or that depend on this worker. `prefix` stands before each
 * path (`data.` inside a CloudEvent).
 */
export function brokenCombinations(
  body: CommandBody,
  arrivedAtMs: number,
  rules: IntakeRules,
  prefix: string,
): Problem[] {
  return [...notBeforeProblems(body, arrivedAtMs, rules), ...overrideProblems(body, rules)].map(
    (problem) => ({ ...problem, path: `${prefix}${problem.path}` }),
  );
}

function notBeforeProblems(
  { not_before: notBeforeMs, expires_at: expiresAtMs }: CommandBody,
  arrivedAtMs: number,
  { dedupTtlMs }: IntakeRules,
): Problem[] {
  if (notBeforeMs === undefined) return [];
  const path = "not_before";
  if (expiresAtMs !== undefined && notBeforeMs >= expiresAtMs) {
    return [{ path, code: "not-before-expiry", message: "must be earlier than expires_at" }];
  }
  if (notBeforeMs >= arrivedAtMs + dedupTtlMs) {
    const hours = Math.floor(dedupTtlMs / 3_600_000);
    const message = `must be less than ${hours} hours ahead: no id is remembered for longer`;
    return [{ path, code: "too-far-ahead", message }];
  }
  return [];
}

function overrideProblems({ override, reason }: CommandBody, rules: IntakeRules): Problem[] {
  if (override === undefined || override.length === 0) return [];
  const { overridable } = rules;
  const refused = override.filter((brake) => !overridable.includes(brake));
  const allowed = overridable.length === 0 ? "none" : overridable.join(", ");
  return [
    ...(refused.length === 0
      ? []
      : [
          {
            path: "override",
            code: "not-overridable",
            message: `names ${refused.join(", ")}, which no command may override here; allowed: ${allowed}`,
          },
        ]),
    ...(reason === undefined || reason.trim() === ""
      ? [{ path: "reason", code: "override-needs-reason", message: "is needed with override" }]
      : []),
  ];
}
