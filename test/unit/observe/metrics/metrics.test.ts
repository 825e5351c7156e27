import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { metricsDocs } from "../../../../scripts/generate-metrics-docs.ts";
import { ProjectId } from "../../../../src/contract/ids.ts";
import type { Census, ProjectCensus } from "../../../../src/core/state/census.ts";
import { createMetrics } from "../../../../src/observe/metrics/metrics.ts";

const PROJECT = ProjectId.parse("0123456789abcdef0123456789abcdef");
const ANOTHER = ProjectId.parse("fedcba9876543210fedcba9876543210");
const OF_PROJECT = `project="${PROJECT}"`;

function build() {
  const projects = [PROJECT, ANOTHER];
  const sources = ["healer"];
  const metrics = createMetrics({ version: "1.2.3", processMetrics: false, projects, sources });
  return { metrics, lines: async () => (await metrics.page()).split("\n") };
}

describe("the catalogue", () => {
  it("is what docs/metrics.md says", () => {
    const page = readFileSync(new URL("../../../../docs/metrics.md", import.meta.url), "utf8");
    expect(page, "run: npx tsx scripts/generate-metrics-docs.ts").toBe(metricsDocs());
  });

  it("keeps to the conventions of Prometheus, process metrics included", () => {
    const { registry } = createMetrics({ version: "1" });
    for (const { name, type, help } of registry.getMetricsAsArray().map(described)) {
      expect(name).toMatch(/^(ecs_reinstall|process|nodejs)_[a-z][a-z0-9_]*$/);
      expect(name.endsWith("_total"), name).toBe(type === "counter");
      expect(name).not.toMatch(/_(ms|milliseconds|minutes|count|sum|bucket)$/);
      if (type === "histogram") expect(name).toMatch(/_seconds$/);
      expect(help, name).not.toBe("");
    }
  });

  it("begins counters of one closed label at 0, for each project, so that their first increase is seen", async () => {
    const { lines } = build();
    expect(await lines()).toEqual(
      expect.arrayContaining([
        `ecs_reinstall_commands_total{outcome="failed",${OF_PROJECT}} 0`,
        `ecs_reinstall_commands_total{outcome="failed",project="${ANOTHER}"} 0`,
        `ecs_reinstall_waits_total{reason="clock-skew",${OF_PROJECT}} 0`,
        `ecs_reinstall_unresolved_total{project="${ANOTHER}"} 0`,
        `ecs_reinstall_swept_total{result="revived",${OF_PROJECT}} 0`,
        `ecs_reinstall_ends_total{verdict="bad",${OF_PROJECT}} 0`,
        `ecs_reinstall_recovery_seconds_count{${OF_PROJECT},source="healer"} 0`,
        `ecs_reinstall_recovery_seconds_count{project="${ANOTHER}",source="other"} 0`,
        `ecs_reinstall_build_info{version="1.2.3",node="${process.version}"} 1`,
      ]),
    );
  });
});

describe("what is counted", () => {
  it("an unresolved command twice: as an outcome, and for the alert", async () => {
    const { metrics, lines } = build();
    metrics.commandEnded("unresolved", PROJECT);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        `ecs_reinstall_commands_total{outcome="unresolved",${OF_PROJECT}} 1`,
        `ecs_reinstall_unresolved_total{${OF_PROJECT}} 1`,
      ]),
    );
  });

  it("a command of a project that nobody allows as of another: no message makes a time series", async () => {
    const { metrics, lines } = build();
    metrics.commandEnded("rejected", "an-emitter-s-invention");
    metrics.commandEnded("rejected", "undefined");
    metrics.waits("pause", "elsewhere");
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'ecs_reinstall_commands_total{outcome="rejected",project="other"} 2',
        'ecs_reinstall_waits_total{reason="pause",project="other"} 1',
      ]),
    );
  });

  it("a delivery from its arrival to its end", async () => {
    const { metrics, lines } = build();
    const end = metrics.delivery("work", true);
    expect(await lines()).toContain('ecs_reinstall_in_flight{queue="work"} 1');
    end("ack");
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'ecs_reinstall_in_flight{queue="work"} 0',
        'ecs_reinstall_redeliveries_total{queue="work"} 1',
        'ecs_reinstall_deliveries_total{queue="work",disposition="ack"} 1',
      ]),
    );
  });

  it("a throttled request with its code and duration", async () => {
    const { metrics, lines } = build();
    metrics.cloudRequest({
      operation: "look",
      project: PROJECT,
      outcome: "throttled",
      cloudCode: "APIGW.0308",
      seconds: 0.2,
    });
    expect(await lines()).toEqual(
      expect.arrayContaining([
        `ecs_reinstall_cloud_requests_total{operation="look",outcome="throttled",${OF_PROJECT}} 1`,
        `ecs_reinstall_throttled_total{operation="look",${OF_PROJECT}} 1`,
        `ecs_reinstall_cloud_errors_total{operation="look",code="APIGW.0308",${OF_PROJECT}} 1`,
        'ecs_reinstall_cloud_request_seconds_sum{operation="look"} 0.2',
      ]),
    );
  });

  it("a fault seen in the future as healed at once", async () => {
    const { metrics, lines } = build();
    metrics.reinstalled({
      duration: 60,
      recovery: -5,
      ready: null,
      project: PROJECT,
      source: "healer",
    });
    expect(await lines()).toEqual(
      expect.arrayContaining([
        `ecs_reinstall_duration_seconds_sum{${OF_PROJECT}} 60`,
        `ecs_reinstall_recovery_seconds_sum{${OF_PROJECT},source="healer"} 0`,
        `ecs_reinstall_recovery_seconds_count{${OF_PROJECT},source="healer"} 1`,
      ]),
    );
  });

  it("a server that answers by who asked, apart from its recovery, and one that does not", async () => {
    const { metrics, lines } = build();
    const of = { duration: null, project: PROJECT, source: "healer" };
    metrics.reinstalled({ ...of, recovery: 90, ready: 130 });
    metrics.reinstalled({ ...of, recovery: 60, ready: null });
    metrics.notReady(PROJECT);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        `ecs_reinstall_recovery_seconds_sum{${OF_PROJECT},source="healer"} 150`,
        `ecs_reinstall_ready_seconds_sum{${OF_PROJECT},source="healer"} 130`,
        `ecs_reinstall_ready_seconds_count{${OF_PROJECT},source="healer"} 1`,
        `ecs_reinstall_not_ready_total{${OF_PROJECT}} 1`,
      ]),
    );
  });

  it("a recovery of a source that is not in METRICS_SOURCES as another's", async () => {
    const { metrics, lines } = build();
    for (const source of ["", "an-emitter-s-invention", "HEALER"]) {
      metrics.reinstalled({ duration: null, recovery: 700, ready: null, project: PROJECT, source });
    }
    const bucket = (le: string) =>
      `ecs_reinstall_recovery_seconds_bucket{le="${le}",${OF_PROJECT},source="other"}`;
    expect(await lines()).toEqual(
      expect.arrayContaining([`${bucket("600")} 0`, `${bucket("900")} 3`]),
    );
  });

  it("codes of a table that grows wild as other", async () => {
    const { metrics, lines } = build();
    for (let code = 0; code < 300; code += 1) {
      const cloudCode = `Wild.${code}`;
      const request = { operation: "job", outcome: "error", cloudCode, seconds: 0 } as const;
      metrics.cloudRequest({ ...request, project: PROJECT });
    }
    const series = (await lines()).filter((line) => line.startsWith("ecs_reinstall_cloud_errors"));
    expect(series).toHaveLength(201);
    expect(series).toContain(
      `ecs_reinstall_cloud_errors_total{operation="job",code="other",${OF_PROJECT}} 100`,
    );
  });

  it("nothing of another registry in the process", async () => {
    const first = build();
    first.metrics.duplicate("command");
    expect(await build().lines()).toContain('ecs_reinstall_duplicates_total{kind="command"} 0');
  });

  it("breakers, dependencies and the store as they are now", async () => {
    const { metrics, lines } = build();
    metrics.breaker("auth", "open");
    metrics.dependency("redis", false);
    const locks = { ...EMPTY.locks, "other-service": { locks: 2, oldestSeconds: 90 } };
    metrics.store(seen({ locks, paused: true, overdueLocks: 1 }));
    metrics.evidenceSamples({ replaced: 4, kept: 0 });
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'ecs_reinstall_breaker_state{breaker="auth"} 2',
        'ecs_reinstall_dependency_up{dependency="redis"} 0',
        `ecs_reinstall_locks{holder="other-service",${OF_PROJECT}} 2`,
        `ecs_reinstall_locks{holder="unresolved",${OF_PROJECT}} 0`,
        `ecs_reinstall_paused{${OF_PROJECT}} 1`,
        `ecs_reinstall_locks_overdue{${OF_PROJECT}} 1`,
        `ecs_reinstall_locks_overdue{project="${ANOTHER}"} 0`,
        `ecs_reinstall_oldest_lock_age_seconds{holder="other-service",${OF_PROJECT}} 90`,
        'ecs_reinstall_evidence_samples{disk="replaced"} 4',
      ]),
    );
  });
});

const NONE = { locks: 0, oldestSeconds: 0 };
const EMPTY: ProjectCensus = {
  openCommands: 0,
  phases: new Map(),
  paused: false,
  locks: { reinstall: NONE, unresolved: NONE, "other-service": NONE, unreadable: NONE },
  overdueLocks: 0,
  lockAgesSeconds: [],
  slots: { taken: 0, cap: 10, waiting: 0 },
};

/** Two projects, one of them with something. */
function seen(changed: Partial<ProjectCensus> = {}): Census {
  return new Map([
    [PROJECT, { ...EMPTY, ...changed }],
    [ANOTHER, EMPTY],
  ]);
}

describe("what is waited for", () => {
  it("is told by phase, and is nothing again when a phase is empty", async () => {
    const { metrics, lines } = build();
    const phases = new Map([["waiting", { commands: 2, oldestSeconds: 4_000 }]] as const);
    metrics.store(seen({ phases }));
    expect(await lines()).toEqual(
      expect.arrayContaining([
        `ecs_reinstall_oldest_command_age_seconds{phase="waiting",${OF_PROJECT}} 4000`,
        `ecs_reinstall_oldest_command_age_seconds{phase="watch",${OF_PROJECT}} 0`,
        `ecs_reinstall_phase_commands{phase="waiting",${OF_PROJECT}} 2`,
      ]),
    );
    metrics.store(seen());
    expect(await lines()).toEqual(
      expect.arrayContaining([
        `ecs_reinstall_oldest_command_age_seconds{phase="waiting",${OF_PROJECT}} 0`,
        `ecs_reinstall_phase_commands{phase="waiting",${OF_PROJECT}} 0`,
      ]),
    );
  });

  it("is how many slots are taken, how many there are, and who waits for one", async () => {
    const { metrics, lines } = build();
    metrics.store(seen({ slots: { taken: 12, cap: 10, waiting: 40 } }));
    const told = (await lines()).filter((line) => line.startsWith("ecs_reinstall_slots{"));
    expect(told.filter((line) => line.includes(PROJECT)).toSorted()).toEqual([
      `ecs_reinstall_slots{${OF_PROJECT},state="cap"} 10`,
      `ecs_reinstall_slots{${OF_PROJECT},state="taken"} 12`,
      `ecs_reinstall_slots{${OF_PROJECT},state="waiting"} 40`,
    ]);
    expect(told).toHaveLength(6);
  });

  it("is a lock's age by quantile, by nearest rank", async () => {
    const { metrics, lines } = build();
    const quantile = async (q: string) =>
      (await lines()).find((line) =>
        line.startsWith(`ecs_reinstall_lock_age_seconds{quantile="${q}",${OF_PROJECT}`),
      );
    metrics.store(seen({ lockAgesSeconds: [100, 9, 80, 70, 60, 50, 40, 30, 20, 10] }));
    expect(await quantile("0.5")).toMatch(/ 40$/);
    expect(await quantile("0.9")).toMatch(/ 80$/);
    metrics.store(seen({ lockAgesSeconds: [7] }));
    expect(await quantile("0.5")).toMatch(/ 7$/);
    metrics.store(seen());
    expect(await quantile("0.9")).toMatch(/ 0$/);
  });

  it("is a poll by what it did where a list may stand for it", async () => {
    const { metrics, lines } = build();
    metrics.poll(PROJECT, "listed");
    metrics.poll(PROJECT, "listed");
    const shown = `ecs_reinstall_polls_total{way="listed",project="${PROJECT}"} 2`;
    expect(await lines()).toContain(shown);
  });

  it("is when jobs of a kind are polled first; 0 where that is not known any more", async () => {
    const { metrics, lines } = build();
    const shown = (seconds: number) =>
      `ecs_reinstall_first_poll_seconds{project="${PROJECT}",kind="SSD/linux/off"} ${seconds}`;
    metrics.firstPoll(PROJECT, "SSD/linux/off", 73.5);
    expect(await lines()).toContain(shown(73.5));
    metrics.firstPoll(PROJECT, "SSD/linux/off", 0);
    expect(await lines()).toContain(shown(0));
  });

  it("is a late message by the delay of its queue", async () => {
    const { metrics, lines } = build();
    metrics.overdue(
      new Map([
        ["0", 0],
        ["10000", 75],
      ]),
    );
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'ecs_reinstall_message_overdue_seconds{rung="0"} 0',
        'ecs_reinstall_message_overdue_seconds{rung="10000"} 75',
      ]),
    );
  });

  it("is a command in its queue, never for less than no time", async () => {
    const { metrics, lines } = build();
    metrics.queued(45);
    metrics.queued(-3);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'ecs_reinstall_queue_delay_seconds_bucket{le="1"} 1',
        'ecs_reinstall_queue_delay_seconds_bucket{le="60"} 2',
        "ecs_reinstall_queue_delay_seconds_sum 45",
      ]),
    );
  });
});

/** prom-client types a metric without what it says about itself. */
function described(metric: unknown): { name: string; type: string; help: string } {
  const { name, help } = metric as { name: string; help: string };
  return { name, help, type: (metric as object).constructor.name.toLowerCase() };
}

describe("where somebody traces", () => {
  const TRACE = "0af7651916cd43dd8448eb211c80319c";

  it("the page is OpenMetrics, and a bucket shows its last trace", async () => {
    let here: string | null = TRACE;
    const options = { version: "1", processMetrics: false, projects: [PROJECT] };
    const metrics = createMetrics({ ...options, traceId: () => here });
    const recovered = (recovery: number) =>
      metrics.reinstalled({ duration: null, recovery, ready: null, project: PROJECT, source: "" });
    recovered(700);
    here = null;
    recovered(20);
    metrics.queued(1);
    const page = await metrics.page();
    const bucket = (le: string) =>
      page
        .split("\n")
        .find((line) => line.includes(`recovery_seconds_bucket{le="${le}",${OF_PROJECT}`)) ?? "";
    expect(metrics.contentType).toMatch(/^application\/openmetrics-text/);
    expect(page.endsWith("# EOF\n")).toBe(true);
    expect(page).toContain("ecs_reinstall_commands_total{");
    expect(bucket("900")).toMatch(/ 2 # \{trace_id="0af7651916cd43dd8448eb211c80319c"\} 700 \d/);
    expect(bucket("30")).toMatch(/ 1$/);
  });

  it("and without, it is the text format, which every scraper reads", async () => {
    const { metrics } = build();
    metrics.reinstalled({
      duration: null,
      recovery: 700,
      ready: null,
      project: PROJECT,
      source: "",
    });
    expect(metrics.contentType).toMatch(/^text\/plain/);
    expect(await metrics.page()).not.toContain("trace_id");
  });
});
