import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { dump } from "js-yaml";
import { documents, only, tool } from "./helm.ts";
import type { Series } from "./series.ts";

const run = promisify(execFile);

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A recording rule, for one window. */
interface Recorded {
  readonly record: string;
  readonly expr: string;
}

/** A release whose rules are evaluated. */
export interface Release {
  readonly name: string;
  readonly namespace: string;
}
const ECS: Release = { name: "ecs", namespace: "ops" };

/** The rules of one or more releases, as the chart renders them, in a folder of their own. */
export async function createPromtool(releases: readonly Release[] = [ECS]) {
  const folder = mkdtempSync(join(tmpdir(), "ecs-alerts-"));
  const files: string[] = [];
  const rules: Rule[] = [];
  const recorded: Recorded[] = [];
  for (const release of releases) {
    const all = await documents("minimal", ["prometheusRule.enabled=true", ...MONITORED], release);
    const { spec } = only(all, "PrometheusRule");
    const groups = spec["groups"] as readonly { readonly rules: readonly (Rule | Recorded)[] }[];
    for (const rule of groups.flatMap((group) => group.rules)) {
      if ("record" in rule) recorded.push(rule);
      else rules.push(rule);
    }
    const file = `rules-${release.namespace}-${release.name}.yml`;
    writeFileSync(join(folder, file), dump(spec));
    files.push(file);
  }
  const promtool = await tool("promtool");

  return {
    /** The alerts. */
    rules: rules as readonly Rule[],
    recorded: recorded as readonly Recorded[],
    /** What `promtool check rules` says. */
    async check(): Promise<string> {
      return (await run(promtool, ["check", "rules", ...files], { cwd: folder })).stdout;
    },
    /** What `promtool test rules` has against it: empty when nothing. Rules are evaluated so often: hours of them take a while. */
    async judge(tests: readonly object[], evaluation_interval = "1m"): Promise<string> {
      const file = join(mkdtempSync(join(folder, "test-")), "tests.yml");
      const rule_files = files.map((one) => `../${one}`);
      writeFileSync(file, dump({ rule_files, evaluation_interval, tests }, { noRefs: true }));
      return run(promtool, ["test", "rules", file], { env: QUICK }).then(
        () => "",
        (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
      );
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
export type Promtool = Awaited<ReturnType<typeof createPromtool>>;

/** A fifth of its time is collecting garbage in a heap of a few MB: this one is allowed 120. */
const QUICK = { ...process.env, GOGC: "400" };

/** Rules without something that scrapes are refused by the chart. */
const MONITORED = ["podMonitor.enabled=true"];

/** At that time the named alert fires and no other; without a name none does. */
export function test(name: string, at: string, series: Series, alert?: string): object {
  return {
    name,
    interval: "1m",
    input_series: inputSeries(seriesOf(series)),
    promql_expr_test: [
      {
        expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: at,
        ...(alert === undefined
          ? {}
          : { exp_samples: [{ labels: `{alertname="${alert}"}`, value: 1 }] }),
      },
    ],
  };
}

/** At that time exactly these instances of one alert fire. */
export function firing(
  name: string,
  at: string,
  series: Series,
  alert: string,
  instances: readonly Readonly<Record<string, string>>[],
): object {
  const labels = [...new Set(instances.flatMap((one) => Object.keys(one)))];
  const told = (one: Readonly<Record<string, string>>) =>
    labels.map((label) => `${label}="${one[label]}"`).join(",");
  return {
    ...test(name, at, series),
    promql_expr_test: [
      {
        expr: `count by (${labels.join(", ")}) (ALERTS{alertstate="firing",alertname="${alert}"})`,
        eval_time: at,
        exp_samples: instances.map((one) => ({ labels: `{${told(one)}}`, value: 1 })),
      },
    ],
  };
}

/** How all alerts stand at some times: at each exactly these fire, each once, as `name severity`. */
export function timeline(
  name: string,
  series: Series,
  times: readonly (readonly [at: string, alerts: readonly string[]])[],
): object {
  return {
    ...test(name, "0m", series),
    promql_expr_test: times.map(([at, alerts]) => ({
      expr: 'count by (alertname, severity) (ALERTS{alertstate="firing"})',
      eval_time: at,
      exp_samples: alerts.map((one) => {
        const [alert = "", severity = ""] = one.split(" ");
        return { labels: `{alertname="${alert}",severity="${severity}"}`, value: 1 };
      }),
    })),
  };
}

/** The series of a release, under the names and with the labels that Prometheus has. */
export function seriesOf(series: Series, { name, namespace }: Release = ECS): Series {
  return Object.fromEntries(
    Object.entries(series).map(([short, values]) => {
      const [metric = "", labels = ""] = short.replace(/\}$/, "").split("{");
      const pod = labels.includes("pod=") ? "" : 'pod="one",';
      const target = `namespace="${namespace}",job="${name}",${pod}`;
      return [`ecs_reinstall_${metric}{${target}${labels}}`, values];
    }),
  );
}

/** As promtool wants them. */
export function inputSeries(series: Series): readonly object[] {
  return Object.entries(series).map(([one, values]) => ({ series: one, values }));
}
