/** `warning`: it works, and somebody should look; `wrong`: something will not work, or may lose what was promised. */
export const FINDING_VERDICTS = ["ok", "warning", "wrong"] as const;
type FindingVerdict = (typeof FINDING_VERDICTS)[number];

/** One thing that was looked at, in what the worker stands on. For people; holds no secret. */
export interface Finding {
  readonly area: "rabbitmq" | "redis" | "cloud";
  /** What was looked at: `queue 'ecs.reinstall.work'`, `right zadd`. Does not change with what was found. */
  readonly check: string;
  readonly verdict: FindingVerdict;
  /** What was found, in one sentence. */
  readonly says: string;
  /** What to do; null where there is nothing to do. */
  readonly todo: string | null;
}

/** The findings of one area, in the order in which it was looked at. */
export interface Findings {
  ok(check: string, says: string): void;
  warning(check: string, says: string, todo: string): void;
  wrong(check: string, says: string, todo: string): void;
  readonly all: readonly Finding[];
}

export function findingsOf(area: Finding["area"]): Findings {
  const all: Finding[] = [];
  const add = (verdict: FindingVerdict, check: string, says: string, todo: string | null) => {
    all.push({ area, check, verdict, says, todo });
  };
  return {
    ok: (check, says) => add("ok", check, says, null),
    warning: (check, says, todo) => add("warning", check, says, todo),
    wrong: (check, says, todo) => add("wrong", check, says, todo),
    all,
  };
}
