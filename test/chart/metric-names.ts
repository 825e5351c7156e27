import { CATALOGUE } from "../../src/observe/metrics/catalogue.ts";

interface Spec {
  readonly kind: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, readonly string[] | null>>;
  readonly buckets?: readonly number[];
}

const SPECS: readonly Spec[] = Object.values(CATALOGUE);
/** Labels of Prometheus's own series of alerts. */
const OF_ALERTS = ["alertname", "alertstate", "severity", "release"];
/** Labels that Prometheus adds to every series. */
const OF_THE_TARGET = ["namespace", "job", "pod", "instance"];

/** What is wrong with the metrics, labels and values of labels that an expression names; empty when nothing. */
export function unknownIn(expression: string): readonly string[] {
  const problems: string[] = [];
  for (const [, used = "", matchers = ""] of expression.matchAll(
    /\b(ecs_reinstall_\w+)(?:\{([^}]*)\})?/g,
  )) {
    const spec = specOf(used);
    if (spec === undefined) problems.push(`no metric ${used}`);
    else problems.push(...wrongMatchers(spec, matchers));
  }
  const labels = [
    ...SPECS.flatMap((spec) => Object.keys(spec.labels)),
    ...(expression.includes("ALERTS{") ? OF_ALERTS : []),
  ];
  for (const [, list = ""] of expression.matchAll(/\b(?:by|on|without)\s*\(([^)]*)\)/g)) {
    const unknown = list
      .split(",")
      .map((label) => label.trim())
      .filter((label) => label !== "" && ![...labels, ...OF_THE_TARGET, "le"].includes(label));
    problems.push(...unknown.map((label) => `no label ${label}`));
  }
  return problems;
}

function specOf(used: string): Spec | undefined {
  return SPECS.find(({ kind, name }) =>
    kind === "histogram"
      ? [`${name}_bucket`, `${name}_sum`, `${name}_count`].includes(used)
      : name === used,
  );
}

function wrongMatchers({ name, labels, buckets }: Spec, matchers: string): readonly string[] {
  return [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)].flatMap(
    ([, label = "", value = ""]) => {
      if (OF_THE_TARGET.includes(label)) return [];
      // Of Prometheus 3 a bound is a float.
      const bounds = buckets?.flatMap((one) => [String(one), `${one}.0`]);
      const known = label === "le" ? bounds : labels[label];
      if (known === undefined) return [`${name} has no label ${label}`];
      if (known === null) return [];
      return value
        .split("|")
        .filter((one) => !known.includes(one))
        .map((one) => `${name} has no ${label} ${one}`);
    },
  );
}
