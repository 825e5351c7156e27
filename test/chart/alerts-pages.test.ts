import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPromtool, inputSeries, type Promtool, seriesOf, timeline } from "./promtool.ts";
import {
  age,
  ended,
  HEALTHY,
  locks,
  OPEN,
  OVERDUE,
  oldestLock,
  PROJECT,
  paused,
  type Series,
  UNRESOLVED,
  unauthenticated,
} from "./series.ts";

/*
 * One cause makes one page (`critical`), and what is in order makes none: how all alerts stand in the course of hours,
 * with series as a worker has them. Another promtool for each group of releases.
 */

let promtool: Promtool;

beforeAll(async () => {
  promtool = await createPromtool();
});
afterAll(() => promtool?.close());

type Times = Parameters<typeof timeline>[2];

const PAGE = (alert: string) => `EcsReinstall${alert} critical`;
const WARNING = (alert: string) => `EcsReinstall${alert} warning`;

async function stand(series: Series, times: Times): Promise<void> {
  expect(await promtool.judge([timeline("stand", { ...HEALTHY, ...series }, times)])).toBe("");
}

/** Accepted at 10 min, unresolved at its deadline, freed by a person at 5 h. */
const ONE_UNRESOLVED: Series = {
  [locks("reinstall")]: "2x10 3x45 2x400",
  [locks("unresolved")]: "0x55 1x244 0x100",
  [OVERDUE]: "0x55 1x244 0x100",
  [oldestLock("reinstall")]: "300x10 0+60x45 300x400",
  [oldestLock("unresolved")]: "0x55 2700+60x244 0x100",
  [age("watch")]: "90x10 0+60x45 90x400",
  [UNRESOLVED]: "0x55 1x400",
  [ended("unresolved")]: "0x55 1x400",
};

describe("one unresolved command", () => {
  it("is told once, and reminds of its lock when that is over", async () => {
    await stand(ONE_UNRESOLVED, [
      ["50m", []],
      ["57m", [WARNING("Unresolved")]],
      ["75m", [WARNING("Unresolved")]],
      ["110m", [WARNING("Unresolved")]],
      ["130m", [WARNING("LocksOverdue")]],
      ["4h", [WARNING("LocksOverdue")]],
      ["302m", []],
    ]);
  });

  it("is told when its worker dies before anybody has seen its counter", async () => {
    const series = { ...ONE_UNRESOLVED, [UNRESOLVED]: "0x400", [ended("unresolved")]: "0x400" };
    await stand(series, [
      ["57m", [WARNING("Unresolved")]],
      ["130m", [WARNING("LocksOverdue")]],
    ]);
  });

  it("is told where Redis has forgotten its lock since", async () => {
    const series = { [UNRESOLVED]: "0x55 1x400", [ended("unresolved")]: "0x55 1x400" };
    await stand(series, [
      ["57m", [WARNING("Unresolved")]],
      ["130m", []],
    ]);
  });

  it("is told again for another one while the first is still locked", async () => {
    const series = {
      ...ONE_UNRESOLVED,
      [locks("unresolved")]: "0x55 1x115 2x100",
      [OVERDUE]: "0x55 1x115 2x100",
      [UNRESOLVED]: "0x55 1x114 2x400",
    };
    await stand(series, [
      ["160m", [WARNING("LocksOverdue")]],
      ["175m", [WARNING("Unresolved")]],
    ]);
  });

  it("is told as what it is of a lock that lasts while its command is still open", async () => {
    const series = {
      [OVERDUE]: "0x55 1x300",
      [oldestLock("reinstall")]: "300x10 0+60x300",
      [age("watch")]: "90x400",
    };
    await stand(series, [
      ["65m", [WARNING("LocksOverdue")]],
      ["3h", [WARNING("LocksOverdue")]],
    ]);
  });
});

describe("one cause, one page", () => {
  const up = (dependency: string) => `dependency_up{dependency="${dependency}"}`;
  const still: Series = {
    'steps_total{phase="watch",result="next"}': "0+6x60 360x400",
    'deliveries_total{queue="work",disposition="ack"}': "0+6x60 360x400",
  };
  const away = "1x60 0x400";

  it.each<[string, Series, readonly string[]]>([
    [
      "RabbitMQ is away",
      {
        ...still,
        [up("rabbitmq")]: away,
        'message_overdue_seconds{rung="10000"}': "0x60 0+60x400",
      },
      [PAGE("NoConsumers")],
    ],
    ["Redis is away", { ...still, [up("redis")]: away }, [PAGE("DependencyDown")]],
    [
      "the cloud is away",
      {
        [up("cloud")]: away,
        'breaker_state{breaker="ecs"}': "0x60 2x400",
        'cloud_requests_total{operation="look",outcome="ok"}': "0+30x60 1800x400",
        'cloud_requests_total{operation="look",outcome="throttled"}': "0+1x60 60x400",
        'cloud_requests_total{operation="look",outcome="no-answer"}': "0x60 0+1x400",
        'cloud_errors_total{operation="look",code="APIGW.0308"}': "0+1x60 60x400",
      },
      [PAGE("DependencyDown"), WARNING("BreakerOpen"), WARNING("CloudErrors")],
    ],
    [
      "the cloud refuses the credentials",
      { [up("cloud")]: away, 'breaker_state{breaker="auth"}': "0x60 2x400" },
      [PAGE("AuthFailing")],
    ],
    [
      "the cloud refuses the credentials, found out by refusals of a project",
      {
        [up("cloud")]: away,
        'breaker_state{breaker="auth"}': "0x60 2x400",
        [unauthenticated()]: "0x60 2x5 3x5 4x5 5x5 6x400",
      },
      [PAGE("AuthFailing")],
    ],
    [
      "the cloud refuses the credentials for one project",
      { [unauthenticated()]: "0x60 2x5 3x6 4x6 5x6 6x6 7x6 8x6 9x6 10x6 11x400" },
      [WARNING("ProjectRefused")],
    ],
    ["tokens of a project die, day after day", { [unauthenticated()]: "0x60 1x20 2x400" }, []],
    [
      "a delay queue stands still, with every command in it",
      { ...still, 'message_overdue_seconds{rung="10000"}': "0x60 0+60x400" },
      [PAGE("Stuck"), WARNING("DelayQueueStuck")],
    ],
    ["every worker hangs", still, [PAGE("Stuck")]],
  ])("%s", async (_what, series, told) => {
    await stand(series, [
      ["55m", []],
      ["110m", told],
    ]);
  });
});

describe("what is in order", () => {
  it.each<[string, Series]>([
    [
      "a neighbour's lock, for days, with a command of ours behind it",
      {
        [locks("other-service")]: "1x1500",
        [oldestLock("other-service")]: "0+60x1500",
        [OPEN]: "1x1500",
      },
    ],
    [
      "a lock of a command that waits for a server that does not stop",
      { [oldestLock("reinstall")]: "0+60x80 0x1500", [age("waiting")]: "0+20x100 0x1500" },
    ],
    [
      "a wait that the cloud has asked for: no step, and its message goes through a delay queue",
      {
        [OPEN]: "1x1500",
        'steps_total{phase="watch",result="next"}': "60x1500",
        [age("waiting")]: "0+20x100 0x1500",
      },
    ],
  ])("says nothing: %s", async (_what, series) => {
    await stand(
      series,
      ["40m", "90m", "2h", "5h"].map((at) => [at, []]),
    );
  });

  it("is silent of old and many commands in a pause and half an hour after it, and of that project only", async () => {
    const another = "fedcba9876543210fedcba9876543210";
    const series = {
      [paused()]: "0x20 1x220 0x200",
      [OPEN]: "3x20 500x220 500x10 3x200",
      [age("waiting")]: "0+60x260 90x200",
      [paused(another)]: "0x400",
    };
    await stand(series, [
      ["2h", []],
      ["3h", []],
      ["255m", []],
      ["300m", []],
    ]);
    const other = {
      ...series,
      [`oldest_command_age_seconds{phase="waiting",project="${another}"}`]: "0+60x400",
    };
    await stand(other, [["2h", [WARNING("BacklogAge")]]]);
  });

  it("is told when a pause is forgotten", async () => {
    await stand({ [paused()]: "0x20 1x400", [age("waiting")]: "0+60x400" }, [
      ["3h", []],
      ["5h", [WARNING("Paused")]],
    ]);
  });
});

describe("two releases in one Prometheus", () => {
  const RELEASES = [
    { name: "ecs", namespace: "ops" },
    { name: "ecs", namespace: "prod" },
    { name: "second", namespace: "prod" },
  ];
  let both: Promtool;

  beforeAll(async () => {
    both = await createPromtool(RELEASES);
  });
  afterAll(() => both?.close());

  it("are alerts of their own, each with its namespace, release and project", async () => {
    const series = Object.assign(
      {},
      ...RELEASES.map((release) => seriesOf({ ...HEALTHY, ...ONE_UNRESOLVED }, release)),
    ) as Series;
    const instance = ({ name, namespace }: (typeof RELEASES)[number]) =>
      `ALERTS{alertname="EcsReinstallUnresolved",alertstate="firing",severity="warning",` +
      `namespace="${namespace}",job="${name}",release="${name}",project="${PROJECT}"}`;
    const judged = await both.judge([
      {
        name: "both",
        interval: "1m",
        input_series: inputSeries(series),
        promql_expr_test: [
          {
            expr: 'ALERTS{alertstate="firing"}',
            eval_time: "57m",
            exp_samples: RELEASES.map((release) => ({ labels: instance(release), value: 1 })),
          },
        ],
        alert_rule_test: [
          {
            eval_time: "57m",
            alertname: "EcsReinstallUnresolved",
            exp_alerts: RELEASES.map(({ name, namespace }) => ({
              exp_labels: {
                severity: "warning",
                namespace,
                job: name,
                release: name,
                project: PROJECT,
              },
              exp_annotations: {
                summary: `${namespace}/${name}, project ${PROJECT}: A reinstall ended unresolved`,
                description: both.rules[0]?.annotations["description"],
                runbook: "docs/runbooks/EcsReinstallUnresolved.md",
              },
            })),
          },
        ],
      },
    ]);
    expect(judged).toBe("");
  });

  it("keep their names in every alert, none at all included", () => {
    for (const { alert, expr, labels, annotations } of both.rules) {
      expect(labels["release"], alert).toBe("{{ $labels.job }}");
      expect(annotations["summary"], alert).toContain(
        "{{ $labels.namespace }}/{{ $labels.job }}{{ with $labels.project }}, project {{ . }}{{ end }}: ",
      );
      const groups = [...expr.matchAll(/\b(?:sum|max|min|count) (by \([^)]*\))?/g)];
      for (const [, by = ""] of groups) expect(by, alert).toMatch(/^by \(namespace, job\b/);
      expect(expr, alert).not.toMatch(/\b(?:sum|max|min|count)\(/);
      for (const [, on] of expr.matchAll(/\bon \(([^)]*)\)/g)) {
        expect(on, alert).toMatch(/^namespace, job\b/);
      }
    }
  });

  it("says which one has no worker", async () => {
    const [, alive, dead] = RELEASES;
    const series = { ...seriesOf(HEALTHY, RELEASES[0]), ...seriesOf(HEALTHY, alive) };
    const judged = await both.judge([
      {
        name: "one is gone",
        interval: "1m",
        input_series: inputSeries(series),
        promql_expr_test: [
          {
            expr: 'count by (alertname, namespace, job, release) (ALERTS{alertstate="firing"})',
            eval_time: "30m",
            exp_samples: [
              {
                labels: `{alertname="EcsReinstallNoConsumers",namespace="${dead?.namespace}",job="${dead?.name}",release="${dead?.name}"}`,
                value: 1,
              },
            ],
          },
        ],
      },
    ]);
    expect(judged).toBe("");
  });
});
