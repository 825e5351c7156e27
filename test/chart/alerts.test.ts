import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { unknownIn } from "./metric-names.ts";
import { createPromtool, firing, type Promtool, type Rule, test } from "./promtool.ts";
import {
  age,
  ended,
  HEALTHY,
  judged,
  LEFT_OFF,
  NOT_READY,
  OPEN,
  OVERDUE,
  oldestLock,
  PROJECT,
  paused,
  recovered,
  relabelled,
  type Series,
  STORM,
  STORM_ASKS,
  slots,
  UNRESOLVED,
  unauthenticated,
} from "./series.ts";

let promtool: Promtool;
let rules: readonly Rule[];
/** What is asked: of alerts and of what is recorded for them. */
let queries: readonly (readonly [string, string])[];

beforeAll(async () => {
  promtool = await createPromtool();
  rules = promtool.rules;
  queries = [
    ...rules.map(({ alert, expr }) => [alert, expr] as const),
    ...promtool.recorded.map(({ record, expr }) => [record, expr] as const),
  ];
});
afterAll(() => promtool?.close());

async function promtoolAgrees(tests: readonly object[], every?: string): Promise<void> {
  expect(await promtool.judge(tests, every)).toBe("");
}

describe("the alerts", () => {
  it("are valid to Prometheus", async () => {
    expect(await promtool.check()).toContain(`${queries.length} rules found`);
  });

  it("use metrics, labels and values that the worker has", () => {
    expect(queries.flatMap(([name, expr]) => unknownIn(expr).map((what) => [name, what]))).toEqual(
      [],
    );
  });

  it("use recorded series that are recorded", () => {
    const used = rules.flatMap(({ expr }) => expr.match(/ecs_reinstall:[\w:]+/g) ?? []);
    const recorded = promtool.recorded.map(({ record }) => record);
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((one) => !recorded.includes(one))).toEqual([]);
  });

  it("look at one release only", () => {
    for (const [name, expr] of queries) {
      const all = expr.match(/ecs_reinstall[_:][\w:]+/g) ?? [];
      const ours = expr.match(/ecs_reinstall[_:][\w:]+\{namespace="ops",job="ecs"/g) ?? [];
      expect(ours.length, name).toBe(all.length);
    }
  });

  it("say how bad it is and what it means", () => {
    for (const { alert, labels, annotations } of rules) {
      expect(["critical", "warning"], alert).toContain(labels["severity"]);
      expect(annotations["summary"], alert).toMatch(/\S/);
      expect(annotations["description"], alert).toMatch(/\.$/);
    }
  });

  it("page for six causes at most, and each page names what to look at first", () => {
    const pages = rules.filter(({ labels }) => labels["severity"] === "critical");
    expect(pages.length).toBeLessThanOrEqual(6);
    for (const { alert, annotations } of pages) {
      expect(annotations["look_first"], alert).toMatch(/\S.*\S/);
    }
  });

  it("each have a case in which they fire", () => {
    expect(rules.map(({ alert }) => alert).sort()).toEqual(
      [...Object.keys(FIRES), ...Object.keys(OBJECTIVES)].sort(),
    );
  });

  it("fire when they should, and nothing else does", async () => {
    await promtoolAgrees(
      Object.entries(FIRES).map(([alert, { at, series }]) =>
        test(alert, at, { ...HEALTHY, ...series }, alert),
      ),
    );
  });

  it("of the objectives fire alone, too", async () => {
    await promtoolAgrees(
      Object.entries(OBJECTIVES).map(([alert, { at, series }]) =>
        test(alert, at, { ...withoutRecoveries(HEALTHY), ...series }, alert),
      ),
      "5m",
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

/*
 * Hours of them. A great many good ones at first: in the windows of a day and more they outweigh what is bad now, as a
 * month's would.
 */
const OBJECTIVES: Readonly<Record<string, { readonly at: string; readonly series: Series }>> = {
  // A quarter of the last hour.
  EcsReinstallBadEndsFast: {
    at: "385m",
    series: { [judged("good")]: "0+1000x319 320000+90x80", [judged("bad")]: "0x320 0+30x79" },
  },
  // One in twenty-five: four times what the objective allows, and too few to be seen in an hour.
  EcsReinstallBadEndsSlow: {
    at: "380m",
    series: { [judged("good")]: "0+96x400", [judged("bad")]: "0+4x400" },
  },
  // Nine of ten, for six hours. The bound as Prometheus 3 writes it.
  EcsReinstallSlowRecoveryFast: {
    at: "395m",
    series: {
      [recovered("900.0")]: "0+100000x29 3000000+1x370",
      [recovered("+Inf")]: "0+100000x29 3000000+10x370",
    },
  },
  // A fifth.
  EcsReinstallSlowRecoverySlow: {
    at: "380m",
    series: { [recovered("900")]: "0+80x400", [recovered("+Inf")]: "0+100x400" },
  },
};

/** What makes each alert fire, and when it must. */
const FIRES: Readonly<Record<string, { readonly at: string; readonly series: Series }>> = {
  EcsReinstallUnresolved: { at: "30m", series: { [UNRESOLVED]: "0x20 1x100" } },
  EcsReinstallLocksOverdue: { at: "30m", series: { [OVERDUE]: "0x20 1x100" } },
  EcsReinstallOldLock: { at: "40m", series: { [oldestLock("reinstall")]: "4800+60x100" } },
  EcsReinstallDeadLetters: {
    at: "30m",
    series: { 'dead_letters_total{reason="invalid"}': "_x25 1x100" },
  },
  EcsReinstallFailing: {
    at: "30m",
    series: {
      [ended("failed")]: "0+1x100",
      [ended("succeeded")]: "5x100",
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
  EcsReinstallBacklog: { at: "60m", series: { [OPEN]: "3x20 201x100" } },
  EcsReinstallBacklogAge: {
    at: "40m",
    series: { [age("waiting")]: "4800+60x100" },
  },
  EcsReinstallPaused: { at: "5h", series: { [paused()]: "0x20 1x400" } },
  EcsReinstallStorm: { at: "21m", series: { [STORM]: "0x20 1x100" } },
  EcsReinstallStormAsks: { at: "21m", series: { [STORM_ASKS]: "0x20 1x100" } },
  EcsReinstallServerLeftOff: { at: "30m", series: { [LEFT_OFF]: "0x20 1x100" } },
  EcsReinstallServerNotReady: { at: "30m", series: { [NOT_READY]: "0x20 1x100" } },
  EcsReinstallSlotsTaken: { at: "90m", series: { [slots("taken")]: "2x20 10x100" } },
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
    series: {
      'steps_total{phase="watch",result="next"}': "0+6x20 120x100",
      'deliveries_total{queue="work",disposition="ack"}': "0+6x20 120x100",
    },
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
  // Two at once, and then a try every six minutes.
  EcsReinstallProjectRefused: {
    at: "45m",
    series: { [unauthenticated()]: "_x20 2x6 3x6 4x6 5x100" },
  },
  EcsReinstallClockOff: { at: "30m", series: { clock_offset_seconds: "-1x20 -45x100" } },
  EcsReinstallRedisClockOff: {
    at: "30m",
    series: { redis_clock_offset_seconds: "0.01x20 -40x100" },
  },
  EcsReinstallEvidenceContradicted: {
    at: "21m",
    series: { 'evidence_samples{disk="kept"}': "0x20 1x100" },
  },
  EcsReinstallDiskAge: {
    at: "21m",
    series: { 'disk_ages_total{answer="refused"}': "0x20 1x100" },
  },
  EcsReinstallRedisForgot: {
    // Within a minute of the worker's look.
    at: "21m",
    series: { 'epoch_changes_total{cause="emptied"}': "0x20 1x100" },
  },
};

describe("no worker at all", () => {
  it("is told as nobody taking commands", async () => {
    await promtoolAgrees([test("none", "10m", {}, "EcsReinstallNoConsumers")]);
  });
});

/** Recoveries are of the test alone: one bucket has one bound. */
function withoutRecoveries(series: Series): Series {
  return Object.fromEntries(
    Object.entries(series).filter(([name]) => !name.startsWith("recovery_seconds")),
  );
}

describe("the objectives", () => {
  const bad = OBJECTIVES["EcsReinstallBadEndsFast"]?.series ?? {};
  const silent = (what: string, more: Series, at = "385m") =>
    test(what, at, { ...HEALTHY, ...more });
  const agrees = (tests: readonly object[]) => promtoolAgrees(tests, "5m");

  it("are silent of a few bad ends in a small fleet", async () => {
    await agrees([
      silent("two of two", { [judged("good")]: "0x400", [judged("bad")]: "0x374 1 2x100" }, "375m"),
      silent("none at all", { [judged("good")]: "0x400", [judged("bad")]: "0x400" }),
    ]);
  });

  it("are silent where nobody recovers, and where nobody says when the fault was seen", async () => {
    await agrees([silent("none", { [recovered("900")]: "0x400", [recovered("+Inf")]: "0x400" })]);
  });

  it("page once where a storm has a page of its own, after it too", async () => {
    await agrees([
      test("storm", "385m", { ...HEALTHY, ...bad, [STORM]: "0x380 1x20" }, "EcsReinstallStorm"),
      silent("after a storm", { ...bad, [STORM]: "0x330 1x20 0x60" }),
    ]);
  });

  it("do not page for what expires in a pause", async () => {
    await agrees([silent("paused", { ...bad, [paused()]: "0x330 1x40 0x60" })]);
  });

  it("page for one project alone", async () => {
    const another = judged("good", "fedcba9876543210fedcba9876543210");
    const series = { ...HEALTHY, ...bad, [another]: "0+1000x400" };
    await agrees([
      firing("one", "385m", series, "EcsReinstallBadEndsFast", [{ project: PROJECT }]),
    ]);
  });

  it("end soon after the bad ends have", async () => {
    const over = { ...bad, [judged("bad")]: "0x320 0+30x65 1950x100" };
    await agrees([
      firing("still", "385m", { ...HEALTHY, ...over }, "EcsReinstallBadEndsFast", [
        { project: PROJECT },
      ]),
      silent("over", over, "395m"),
    ]);
  });

  it("are recorded as shares of what was missed", async () => {
    const judgement = await promtool.judge([
      {
        ...silent("shares", { [judged("good")]: "0+96x400", [judged("bad")]: "0+4x400" }),
        promql_expr_test: [
          {
            expr: "round(ecs_reinstall:bad_ends:ratio_rate1h, 0.001)",
            eval_time: "120m",
            exp_samples: [
              { labels: `{namespace="ops",job="ecs",project="${PROJECT}"}`, value: 0.04 },
            ],
          },
        ],
      },
    ]);
    expect(judgement).toBe("");
  });
});
