import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { unknownIn } from "./metric-names.ts";
import { createPromtool, type Promtool, type Rule, test } from "./promtool.ts";
import {
  age,
  ended,
  HEALTHY,
  LEFT_OFF,
  OPEN,
  OVERDUE,
  oldestLock,
  paused,
  relabelled,
  type Series,
  STORM,
  slots,
  UNRESOLVED,
} from "./series.ts";

let promtool: Promtool;
let rules: readonly Rule[];

beforeAll(async () => {
  promtool = await createPromtool();
  rules = promtool.rules;
});
afterAll(() => promtool?.close());

async function promtoolAgrees(tests: readonly object[]): Promise<void> {
  expect(await promtool.judge(tests)).toBe("");
}

describe("the alerts", () => {
  it("are valid to Prometheus", async () => {
    expect(await promtool.check()).toContain(`${rules.length} rules found`);
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

/** What makes each alert fire, and when it must. */
const FIRES: Readonly<Record<string, { readonly at: string; readonly series: Series }>> = {
  EcsReinstallUnresolved: { at: "30m", series: { [UNRESOLVED]: "0x20 1x100" } },
  EcsReinstallLocksOverdue: { at: "30m", series: { [OVERDUE]: "0x20 1x100" } },
  EcsReinstallOldLock: { at: "2h", series: { [oldestLock("reinstall")]: "0+60x200" } },
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
    at: "2h",
    series: { [age("waiting")]: "0+60x200" },
  },
  EcsReinstallPaused: { at: "5h", series: { [paused()]: "0x20 1x400" } },
  EcsReinstallStorm: { at: "21m", series: { [STORM]: "0x20 1x100" } },
  EcsReinstallServerLeftOff: { at: "30m", series: { [LEFT_OFF]: "0x20 1x100" } },
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
  EcsReinstallClockOff: { at: "30m", series: { clock_offset_seconds: "-1x20 -45x100" } },
  EcsReinstallRedisClockOff: {
    at: "30m",
    series: { redis_clock_offset_seconds: "0.01x20 -40x100" },
  },
  EcsReinstallEvidenceContradicted: {
    at: "21m",
    series: { 'evidence_samples{disk="kept"}': "0x20 1x100" },
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
