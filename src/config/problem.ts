/** One rule that the configuration breaks. Holds no value of a setting, except the numbers of an inequality. */
export interface Problem {
  /** Dotted, as in config/default.yaml. */
  readonly path: string;
  /** Environment variable that sets it; null for what is no setting at all. */
  readonly variable: string | null;
  readonly message: string;
}

/** The problems as a person reads them, one a line. */
export function formatProblems(problems: readonly Problem[]): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const lines = problems.map((problem) => `  ${formatProblem(problem)}`);
  return [`The configuration is wrong (${count}):`, ...lines].join("\n");
}

/** One of them, as a line. */
export function formatProblem({ path, variable, message }: Problem): string {
  return variable === null ? `${path}: ${message}` : `${variable} (${path}): ${message}`;
}
