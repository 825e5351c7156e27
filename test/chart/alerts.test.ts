import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { dump } from "js-yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { documents, only, tool } from "./helm.ts";
import { unknownIn } from "./metric-names.ts";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const run = promisify(execFile);

let folder: string;
let rules: readonly Rule[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ecs-alerts-"));
  const { spec } = only(
    await documents("minimal", ["prometheusRule.enabled=true"]),
    "PrometheusRule",
  );
  const groups = spec["groups"] as readonly { readonly rules: readonly Rule[] }[];
  rules = groups.flatMap((group) => group.rules);
  writeFileSync(join(folder, "rules.yml"), dump(spec));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the alerts", () => {
  it("are valid to Prometheus", async () => {
    const { stdout } = await run(await tool("promtool"), ["check", "rules", "rules.yml"], {
      cwd: folder,
    });
    expect(stdout).toContain(`${rules.length} rules found`);
  });

  it("use metrics, labels and values that the worker has", () => {
    expect(
      rules.flatMap(({ alert, expr }) => unknownIn(expr).map((what) => [alert, what])),
    ).toEqual([]);
  });

  it("look at one release only", () => {
    for (const { alert, expr } of rules) {
      const all = expr.match(/ecs_reinstall_\w+/g) ?? [];
      const ours = expr.match(/ecs_reinstall_\w+\{namespace="ops",job="ecs"/g) ?? [];
      expect(ours.length, alert).toBe(all.length);
    }
  });

  it("say how bad it is and what it means", () => {
    for (const { alert, labels, annotations } of rules) {
      expect(["critical", "warning"], alert).toContain(labels["severity"]);
      expect(annotations["summary"], alert).toMatch(/\S/);
      expect(annotations["description"], alert).toMatch(/\.$/);
    }
  });

  it("each have a case in which they fire", () => {
    expect(rules.map(({ alert }) => alert).sort()).toEqual(Object.keys(FIRES).sort());
  });

  it("fire when they should, and nothing else does", async () => {
    await promtoolAgrees(
      Object.entries(FIRES).map(([alert, { at, series }]) =>
        test(alert, at, { ...HEALTHY, ...series }, alert),
      ),
    );
  });

  it("are silent while all is well", async () => {
    await promtoolAgrees([test("well", "1h", HEALTHY), test("later", "5h", HEALTHY)]);
  });

  it("are silent when a worker starts: counters that begin are no increase of trouble", async () => {
    const started = Object.fromEntries(
      Object.entries(HEALTHY).map(([name, values]) => [name, `_x30 ${values}`]),
    );
    // The first half hour has a worker too, or nobody would take commands.
    await promtoolAgrees([test("started", "35m", { ...HEALTHY, ...relabelled(started) })]);
  });
});

/** One sample a minute. `0+1x60` counts up by one a minute; `0x60` stays; `_` is no sample. */
type Series = Readonly<Record<string, string>>;

/** Two hours and more of a worker that has something to do. */
const HEALTHY: Series = {
  'build_info{version="1",node="v24"}': "1x400",
  'dependency_up{dependency="rabbitmq"}': "1x400",
  'dependency_up{dependency="redis"}': "1x400",
  'dependency_up{dependency="cloud"}': "1x400",
  open_commands: "3x400",
  locks: "2x400",
  locks_overdue: "0x400",
  oldest_lock_age_seconds: "300x400",
  'oldest_command_age_seconds{phase="waiting"}': "1800x400",
  'oldest_command_age_seconds{phase="watch"}': "90x400",
  'message_overdue_seconds{rung="0"}': "0x400",
  'message_overdue_seconds{rung="10000"}': "0x400",
  // Nine of ten within ten seconds.
  'queue_delay_seconds_bucket{le="10"}': "0+9x400",
  'queue_delay_seconds_bucket{le="300"}': "0+10x400",
  'queue_delay_seconds_bucket{le="+Inf"}': "0+10x400",
  'steps_total{phase="watch",result="next"}': "0+6x400",
  unresolved_total: "0x400",
  'commands_total{outcome="succeeded"}': "0+1x400",
  'commands_total{outcome="failed"}': "0x400",
  'commands_total{outcome="unresolved"}': "0x400",
  'publishes_total{kind="step",result="confirmed"}': "0+6x400",
  'cloud_requests_total{operation="look",outcome="ok"}': "0+30x400",
  'cloud_requests_total{operation="look",outcome="throttled"}': "0+1x400",
  'cloud_errors_total{operation="look",code="APIGW.0308"}': "0+1x400",
  'breaker_state{breaker="ecs"}': "0x400",
  'breaker_state{breaker="auth"}': "0x400",
  clock_offset_seconds: "-1x400",
  'evidence_samples{disk="replaced"}': "0+1x400",
  'evidence_samples{disk="kept"}': "0x400",
  'swept_total{result="revived"}': "0x400",
  'epoch_changes_total{cause="first"}': "1x400",
  'epoch_changes_total{cause="restarted"}': "0x400",
};

/** What makes each alert fire, and when it must. */
const FIRES: Readonly<Record<string, { readonly at: string; readonly series: Series }>> = {
  EcsReinstallUnresolved: { at: "30m", series: { unresolved_total: "0x20 1x100" } },
  EcsReinstallLocksOverdue: { at: "30m", series: { locks_overdue: "0x20 1x100" } },
  EcsReinstallOldLock: { at: "2h", series: { oldest_lock_age_seconds: "0+60x200" } },
  EcsReinstallDeadLetters: {
    at: "30m",
    series: { 'dead_letters_total{reason="invalid"}': "_x25 1x100" },
  },
  EcsReinstallFailing: {
    at: "30m",
    series: {
      'commands_total{outcome="failed"}': "0+1x100",
      'commands_total{outcome="succeeded"}': "5x100",
    },
  },
  EcsReinstallNoConsumers: {
    at: "30m",
    series: { 'dependency_up{dependency="rabbitmq"}': "1x20 0x100" },
  },
  EcsReinstallDependencyDown: {
    at: "30m",
    series: { 'dependency_up{dependency="redis"}': "1x20 0x100" },
  },
  EcsReinstallDependencyDownForOne: {
    at: "40m",
    series: { 'dependency_up{dependency="redis",pod="other"}': "1x20 0x100" },
  },
  EcsReinstallBacklog: { at: "60m", series: { open_commands: "3x20 201x100" } },
  EcsReinstallBacklogAge: {
    at: "2h",
    series: { 'oldest_command_age_seconds{phase="waiting"}': "0+60x200" },
  },
  EcsReinstallQueueDelay: {
    at: "40m",
    series: {
      'queue_delay_seconds_bucket{le="10"}': "0x100",
      'queue_delay_seconds_bucket{le="300"}': "0+1x100",
      'queue_delay_seconds_bucket{le="600"}': "0+1x100",
      'queue_delay_seconds_bucket{le="1800"}': "0+3x100",
      'queue_delay_seconds_bucket{le="+Inf"}': "0+3x100",
    },
  },
  EcsReinstallDelayQueueStuck: {
    at: "30m",
    series: { 'message_overdue_seconds{rung="10000"}': "0x24 90 150 210 270x100" },
  },
  EcsReinstallStuck: {
    at: "60m",
    series: { 'steps_total{phase="watch",result="next"}': "0+6x20 120x100" },
  },
  EcsReinstallSwept: { at: "30m", series: { 'swept_total{result="revived"}': "0x20 1x100" } },
  EcsReinstallStepErrors: {
    at: "30m",
    series: { 'steps_total{phase="submit",result="error"}': "_x25 1x100" },
  },
  EcsReinstallPublishFailing: {
    at: "40m",
    series: { 'publishes_total{kind="event",result="unconfirmed"}': "0+1x100" },
  },
  EcsReinstallCloudErrors: {
    at: "40m",
    series: { 'cloud_requests_total{operation="job",outcome="no-answer"}': "0+10x100" },
  },
  // POSTs are few beside looks: the ratio of all requests does not show it.
  EcsReinstallCloudErrorCode: {
    at: "40m",
    series: {
      'cloud_requests_total{operation="reinstall",outcome="ok"}': "2x100",
      'cloud_requests_total{operation="reinstall",outcome="refused"}': "_x25 1 2 3 4 5x100",
      'cloud_errors_total{operation="reinstall",code="Ecs.0314"}': "_x25 1 2 3 4 5x100",
    },
  },
  EcsReinstallBreakerOpen: {
    at: "30m",
    series: { 'breaker_state{breaker="ecs"}': "0x20 2x100" },
  },
  EcsReinstallAuthFailing: {
    at: "21m",
    series: { 'breaker_state{breaker="auth"}': "0x20 2x100" },
  },
  EcsReinstallClockOff: { at: "30m", series: { clock_offset_seconds: "-1x20 -45x100" } },
  EcsReinstallEvidenceContradicted: {
    at: "21m",
    series: { 'evidence_samples{disk="kept"}': "0x20 1x100" },
  },
  EcsReinstallRedisForgot: {
    at: "30m",
    series: { 'epoch_changes_total{cause="restarted"}': "0x20 1x100" },
  },
};

describe("no worker at all", () => {
  it("is told as nobody taking commands", async () => {
    await promtoolAgrees([test("none", "10m", {}, "EcsReinstallNoConsumers")]);
  });
});

describe("a delay queue that stands still", () => {
  const alert = "EcsReinstallDelayQueueStuck";
  const late = (rung: number, values: string) => ({
    [`message_overdue_seconds{rung="${rung}"}`]: values,
  });

  it("is named by its delay, each for itself", async () => {
    const series = { ...HEALTHY, ...late(2_000, "0x20 90x100"), ...late(60_000, "0x20 61x100") };
    await promtoolAgrees([
      firing("both", "23m", series, alert, [{ rung: "2000" }, { rung: "60000" }]),
    ]);
  });

  it("is told before the sweeper touches its messages, and not at the first late one", async () => {
    // Seen a minute and a half after a message was due.
    const series = { ...HEALTHY, ...late(2_000, "0x20 90+60x100") };
    await promtoolAgrees([
      firing("at once", "22m", series, alert, []),
      firing("after two minutes", "23m", series, alert, [{ rung: "2000" }]),
    ]);
  });

  it("is not told when messages were late for a moment, when RabbitMQ is away, or for the work queue", async () => {
    const moment = { ...HEALTHY, ...late(2_000, "0x20 90 90 0x100") };
    const away = {
      ...HEALTHY,
      ...late(2_000, "0x20 90+60x100"),
      'dependency_up{dependency="rabbitmq"}': "1x19 0x100",
    };
    const work = { ...HEALTHY, ...late(0, "0x20 90+60x100") };
    await promtoolAgrees([
      firing("moment", "23m", moment, alert, []),
      firing("away", "40m", away, alert, []),
      firing("work", "40m", work, alert, []),
    ]);
  });
});

describe("the age of the backlog", () => {
  it("is that of the oldest command, whatever its phase", async () => {
    const alert = "EcsReinstallBacklogAge";
    // It moves from one phase to another all the time: neither is over the limit for long.
    const series = {
      ...HEALTHY,
      'oldest_command_age_seconds{phase="waiting"}': "4000 0 4000 0 4000 0 4000 0 4000 0 4000x90",
      'oldest_command_age_seconds{phase="submit"}': "0 4000 0 4000 0 4000 0 4000 0 4000 0x90",
    };
    await promtoolAgrees([firing("moving", "7m", series, alert, [{ alertname: alert }])]);
  });

  it("may be as great as a job's deadline and the time of stopping", async () => {
    const series = { ...HEALTHY, 'oldest_command_age_seconds{phase="watch"}': "3500x100" };
    await promtoolAgrees([firing("slow", "60m", series, "EcsReinstallBacklogAge", [])]);
  });
});

describe("errors of the cloud by code", () => {
  const alert = "EcsReinstallCloudErrorCode";
  const looks = (outcome: string) => `cloud_requests_total{operation="look",outcome="${outcome}"}`;
  const coded = (operation: string, code: string) =>
    `cloud_errors_total{operation="${operation}",code="${code}"}`;

  it("are told once for each operation and code", async () => {
    const series = {
      ...HEALTHY,
      [looks("throttled")]: "0+15x400",
      [coded("look", "APIGW.0308")]: "0+15x400",
      'cloud_requests_total{operation="job",outcome="ok"}': "0+4x400",
      'cloud_requests_total{operation="job",outcome="error"}': "0+6x400",
      [coded("job", "Common.0025")]: "0+3x400",
      [coded("job", "none")]: "0+3x400",
    };
    await promtoolAgrees([
      firing("each", "40m", series, alert, [
        { operation: "look", code: "APIGW.0308" },
        { operation: "job", code: "Common.0025" },
        { operation: "job", code: "none" },
      ]),
    ]);
  });

  it("are not told one by one, nor while they are a small part", async () => {
    const one = {
      'cloud_requests_total{operation="reinstall",outcome="refused"}': "_x25 1x100",
      [coded("reinstall", "Ecs.0314")]: "_x25 1x100",
    };
    const four = {
      'cloud_requests_total{operation="reinstall",outcome="refused"}': "_x25 1 2 3 4x100",
      [coded("reinstall", "Ecs.0314")]: "_x25 1 2 3 4x100",
    };
    // 5 of 31 a minute.
    const few = { [looks("error")]: "0+5x400", [coded("look", "Ecs.0615")]: "0+5x400" };
    await promtoolAgrees([
      firing("one", "40m", { ...HEALTHY, ...one }, alert, []),
      firing("four", "40m", { ...HEALTHY, ...four }, alert, []),
      firing("few", "40m", { ...HEALTHY, ...few }, alert, []),
    ]);
  });

  it("are over half an hour after the last", async () => {
    const series = {
      ...HEALTHY,
      'cloud_requests_total{operation="reinstall",outcome="refused"}': "_x25 1 2 3 4 5x100",
      [coded("reinstall", "Ecs.0314")]: "_x25 1 2 3 4 5x100",
    };
    await promtoolAgrees([
      firing("soon", "50m", series, alert, [{ operation: "reinstall", code: "Ecs.0314" }]),
      firing("later", "65m", series, alert, []),
    ]);
  });
});

/** The series of another pod. */
function relabelled(series: Series): Series {
  return Object.fromEntries(
    Object.entries(series).map(([name, values]) => [
      name.includes("{") ? name.replace("{", '{pod="new",') : `${name}{pod="new"}`,
      values,
    ]),
  );
}

/** At that time the named alert fires and no other; without a name none does. */
function test(name: string, at: string, series: Series, alert?: string): object {
  return {
    name,
    interval: "1m",
    input_series: Object.entries(series).map(([one, values]) => ({
      series: fullName(one),
      values,
    })),
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
function firing(
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

function fullName(short: string): string {
  const [name = "", labels = ""] = short.replace(/\}$/, "").split("{");
  const pod = labels.includes("pod=") ? "" : 'pod="one",';
  return `ecs_reinstall_${name}{namespace="ops",job="ecs",${pod}${labels}}`;
}

async function promtoolAgrees(tests: readonly object[]): Promise<void> {
  const file = join(mkdtempSync(join(folder, "test-")), "tests.yml");
  writeFileSync(
    file,
    dump({ rule_files: ["../rules.yml"], evaluation_interval: "1m", tests }, { noRefs: true }),
  );
  const judged = await run(await tool("promtool"), ["test", "rules", file]).then(
    () => "",
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
  expect(judged).toBe("");
}
