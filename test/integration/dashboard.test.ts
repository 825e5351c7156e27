import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FaultSpec } from "../../src/simulator/faults/fault-schema.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { type Prometheus, type Sample, startPrometheus } from "../support/prometheus.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";

interface Target {
  readonly panel: string;
  readonly unit: string | undefined;
  readonly legend: string;
  readonly expr: string;
}

const NAMESPACE = "ops";
const JOB = "ecs";
const SELECTOR = `namespace="${NAMESPACE}",job="${JOB}"`;
/** Grafana's own choice is four scrapes at least; here it covers the whole run. */
const RATE_INTERVAL = "5m";

const TARGETS = targets();
const ALERTS = alerts();

let stage: SharedStage;
let prometheus: Prometheus;
let answers: ReadonlyMap<Target, readonly Sample[]>;

beforeAll(async () => {
  stage = await openOnSharedServices({
    // Short enough to see a job that never ends become unresolved, and a throttled project go on.
    env: { JOB_DEADLINE_MS: "9000", ECS_MAX_RETRY_AFTER_MS: "1000" },
  });
  await stage.addWorker();
  await stage.addWorker();
  prometheus = await startPrometheus(
    stage.workers.map(({ httpUrl }) => httpUrl),
    { namespace: NAMESPACE, job: JOB },
  );
  const stuck = await neverEnds();
  await everyKindOfCommand();
  await prometheus.scrapedAgain();
  await everyKindOfCommand();
  await stage.emitter.outcome(stuck);
  // A worker counts the store's locks when it starts, and then once a minute: this one sees them now.
  await prometheus.add((await stage.addWorker()).httpUrl);
  await eventually(async () => (await valueOf("sum(ecs_reinstall_unresolved_total)")) > 0);
  await prometheus.scrapedAgain();
  answers = new Map(
    await Promise.all(
      TARGETS.map(async (target) => [target, await prometheus.query(target.expr)] as const),
    ),
  );
  if (process.env["DASHBOARD_TEXT"] === "1") console.log(asText(answers));
}, 180_000);

afterAll(async () => {
  await prometheus?.stop();
  await stage?.close();
});

describe("the dashboard after a real run", () => {
  it("has data in every panel that such a run fills", () => {
    const empty = TARGETS.filter((target) => !shows(target)).map(nameOf);
    expect(empty.filter((name) => !(name in MAY_BE_EMPTY))).toEqual([]);
  });

  it("excuses no query that it does not have", () => {
    const names = TARGETS.map(nameOf);
    expect(Object.keys(MAY_BE_EMPTY).filter((name) => !names.includes(name))).toEqual([]);
  });

  it.each([
    ["Outcomes", ["succeeded", "failed", "unresolved", "rejected", "planned"]],
    ["Failures by class", ["job-failed", "server-locked"]],
    ["Why commands wait", ["server-busy", "throttled"]],
    ["Dead letters", ["rejected"]],
    ["Duplicates and unknown fields", ["duplicate command", "unknown fields"]],
    ["Errors by code", ["look throttled"]],
    ["Error ratio by code", ["look APIGW.0308"]],
    ["Delay in the command queue", ["median", "95 %"]],
    ["Messages ready in queues", ["dead"]],
    ["Age of locks", ["0.5", "oldest: unresolved"]],
    ["Reinstall POSTs", ["accepted", "unknown", "reconciled: system-disk-replaced"]],
    ["Events", ["accepted", "stopping", "submitted", "joined", "waiting"]],
    ["Overdue locks", [""]],
    ["Unresolved, 24 h", [""]],
    ["Duration of a reinstall", ["median", "95 %"]],
    ["Recovery", ["median", "95 %"]],
    ["Time to recover by source (90 %)", ["other"]],
    ["Good ends, 30 d", [""]],
    ["Recovered in time, 30 d", [""]],
    ["Calls to Redis (95 %)", ["probe", "admit", "claim", "save", "finish"]],
  ])("shows in %s what happened", (panel, legends) => {
    const values = new Map(
      linesOf(answers)
        .filter((line) => line.panel === panel)
        .map(bySeries),
    );
    expect(legends.filter((legend) => !((values.get(legend) ?? 0) > 0))).toEqual([]);
  });

  it("shows in Request budget left a part of the whole; none at all while every call is used", () => {
    const parts = linesOf(answers)
      .filter(({ panel }) => panel === "Request budget left")
      .map(({ value }) => value);
    expect(parts).toHaveLength(1);
    expect(parts[0]).toBeGreaterThanOrEqual(0);
    expect(parts[0]).toBeLessThanOrEqual(1);
  });

  it("shows in Requests a second what was configured, and what the throttled call has left of it", () => {
    const rates = new Map(
      linesOf(answers)
        .filter(({ panel }) => panel === "Requests a second")
        .map(bySeries),
    );
    const [configured = 0, allowed = 0] = ["configured", "allowed"].map((limit) =>
      Math.max(...[...rates].filter(([name]) => name.startsWith(limit)).map(([, rate]) => rate)),
    );
    expect(configured).toBeGreaterThan(0);
    expect(allowed).toBeGreaterThan(0);
    expect(allowed).toBeLessThanOrEqual(configured);
  });

  it("tells one worker from the other", () => {
    const pods = linesOf(answers).filter(({ panel }) => panel === "Memory");
    expect(pods.map(({ series }) => series).sort()).toEqual(["worker-1", "worker-2", "worker-3"]);
  });
});

describe("the alerts after a real run", () => {
  it.each(ALERTS)("$alert is a query that Prometheus takes", async ({ expr }) => {
    await expect(prometheus.query(expr)).resolves.toBeInstanceOf(Array);
  });

  it("see what needs a person", async () => {
    for (const alert of ["EcsReinstallUnresolved", "EcsReinstallDeadLetters"]) {
      expect(await fires(alert), alert).toBe(true);
    }
  });

  it("see no trouble where there was none", async () => {
    for (const alert of [
      "EcsReinstallNoConsumers",
      "EcsReinstallDependencyDown",
      "EcsReinstallDependencyDownForOne",
      // The unresolved command is told once: its lock is told when that is over.
      "EcsReinstallLocksOverdue",
      "EcsReinstallOldLock",
      "EcsReinstallBacklog",
      "EcsReinstallBacklogAge",
      "EcsReinstallPaused",
      "EcsReinstallQueueDelay",
      "EcsReinstallDelayQueueStuck",
      "EcsReinstallStuck",
      "EcsReinstallStepErrors",
      "EcsReinstallPublishFailing",
      "EcsReinstallBreakerOpen",
      "EcsReinstallAuthFailing",
      "EcsReinstallProjectRefused",
      "EcsReinstallClockOff",
      "EcsReinstallRedisClockOff",
      "EcsReinstallEvidenceContradicted",
      "EcsReinstallRedisForgot",
      "EcsReinstallDiskAge",
    ]) {
      expect(await fires(alert), alert).toBe(false);
    }
  });
});

describe("a worker with no more than the documented rights on Redis", () => {
  it("counts locks and open commands", async () => {
    const { workerRedis } = await stage.services.rabbitMq.users();
    const worker = await stage.addWorker([], {
      REDIS_URL: workerRedis.get(stage.services.redis.url) ?? "redis://nobody-made-a-user",
    });
    const page = async () => (await fetch(`${worker.httpUrl}/metrics`)).text();
    await eventually(
      async () =>
        /^ecs_reinstall_locks\{holder="unresolved",project="\w+"\} 1$/m.test(await page()),
      {
        timeoutMs: 3_000,
      },
    );
  });
});

describe("the runbooks' queries", () => {
  it.each(runbookQueries())("%s: %s", async (_page, expr) => {
    await expect(prometheus.query(expr)).resolves.toBeInstanceOf(Array);
  });
});

/** Queries that such a run may leave without a value, and why. */
const MAY_BE_EMPTY: Readonly<Record<string, string>> = {
  "Duration of a reinstall: polled first, {{kind}}":
    "too few jobs of ten seconds ended in this run to learn from",
  "Recovery: to an answer, 95 %": "no server is asked whether it answers in this run",
  "Why commands wait: brake {{brake}}: {{decision}}": "no brake is set in this run",
  Alerts: "the rules do not run here",
  "Bad ends, share of the window: 1 h: {{project}}": "the rules do not run here",
  "Bad ends, share of the window: 6 h: {{project}}": "the rules do not run here",
  "Bad ends, share of the window: 3 d: {{project}}": "the rules do not run here",
  "Messages ready in queues: harm: {{key}} on {{queue}}": "no policy does harm in this run",
};

/** A job that is RUNNING for ever: unresolved at the deadline, and its server stays locked. */
async function neverEnds(): Promise<string> {
  const id = commandId("stuck");
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  stage.simulator.faults.set({
    operation: "reinstall",
    serverId: server.id,
    run: { jobStuck: true, hangsAtFraction: 0.5 },
  });
  await stage.emitter.send(stage.command(id, server.id));
  return id;
}

/** One of each, all at the same time; resolves when each has its outcome. */
async function everyKindOfCommand(): Promise<void> {
  const { simulator, emitter } = stage;
  const open: string[] = [];
  const send = async (name: string, serverId: string, more: object = {}) => {
    const id = commandId(name);
    open.push(id);
    await emitter.send(stage.command(id, serverId, { ...more }), {
      timestamp: Math.floor(Date.now() / 1000),
    });
    return id;
  };
  const off = (fault?: Omit<FaultSpec, "serverId">) => {
    const { id } = simulator.addServer({ state: "SHUTOFF" });
    if (fault !== undefined) simulator.faults.set({ ...fault, serverId: id });
    return id;
  };
  const another = { keyname: "another", userid: "7e25b1da389f4697a79df3a0e5bd494e" };

  const shared = off();
  const first = await send("first", shared);
  await emitter.event(first, "submitted");
  await send("joins", shared);
  await send("waits", shared, { "os-reinstall": another });
  await emitter.send(stage.command(first, shared));
  await send("heals", off(), { observed_at: new Date(Date.now() - 5_000).toISOString() });
  await send("running", simulator.addServer({ state: "ACTIVE" }).id);
  await send("planned", off(), { dry_run: true });
  await send("unknown-field", off(), { colour: "blue" });
  await send("refused", off(), { "os-reinstall": {} });
  await send("locked", simulator.addServer({ state: "SHUTOFF", locked: true }).id);
  await send("fails", off({ operation: "reinstall", run: { fail: { code: "Ecs.0202" } } }));
  await send("lost-reply", off({ operation: "reinstall", times: 1, lostReply: true }));
  await send("throttled", off({ operation: "server", times: 1, error: "APIGW.0308" }));
  await Promise.all(open.map((id) => emitter.outcome(id, 60_000)));
  await emitter.misuse(first, "duplicate");
}

async function valueOf(expression: string): Promise<number> {
  return (await prometheus.query(expression))[0]?.value ?? Number.NaN;
}

function shows(target: Target): boolean {
  return (answers.get(target) ?? []).some(({ value }) => Number.isFinite(value));
}

async function fires(name: string): Promise<boolean> {
  const rule = ALERTS.find(({ alert }) => alert === name);
  if (rule === undefined) throw new Error(`no alert ${name}`);
  return (await prometheus.query(rule.expr)).length > 0;
}

function nameOf({ panel, legend }: Target): string {
  return legend === "" ? panel : `${panel}: ${legend}`;
}

function targets(): readonly Target[] {
  const { panels } = JSON.parse(chartFile("files/dashboard.json")) as {
    readonly panels: readonly {
      readonly title: string;
      readonly fieldConfig?: { readonly defaults?: { readonly unit?: string } };
      readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[];
    }[];
  };
  return panels.flatMap(({ title, fieldConfig, targets: asked = [] }) =>
    asked.map(({ expr, legendFormat = "" }) => ({
      panel: title,
      unit: fieldConfig?.defaults?.unit,
      legend: legendFormat,
      expr: expr
        .replaceAll("$namespace", NAMESPACE)
        .replaceAll("$job", JOB)
        .replaceAll(/\$(project|pod)\b/g, ".*")
        .replaceAll("$__rate_interval", RATE_INTERVAL),
    })),
  );
}

/** As the chart makes them, without Helm. */
function alerts(): readonly { readonly alert: string; readonly expr: string }[] {
  const { prometheusRule } = load(chartFile("values.yaml")) as {
    prometheusRule: { thresholds: Record<string, number> };
  };
  return ["alerts", "objectives"].flatMap((file) => {
    let text = chartFile(`files/${file}.yaml`).replaceAll("<selector>", SELECTOR);
    for (const [name, value] of Object.entries(prometheusRule.thresholds)) {
      text = text.replaceAll(`<${name}>`, String(value));
    }
    const { groups } = load(text) as {
      groups: { rules: ({ alert: string; expr: string } | { record: string; expr: string })[] }[];
    };
    return groups
      .flatMap(({ rules }) => rules)
      .map((rule) =>
        "alert" in rule
          ? rule
          : { alert: rule.record, expr: rule.expr.replaceAll("<window>", "5m") },
      );
  });
}

function chartFile(name: string): string {
  const file = new URL(`../../helm/ecs-reinstall-worker/${name}`, import.meta.url);
  return readFileSync(fileURLToPath(file), "utf8");
}

/** Every fenced `promql` block of the runbooks: one query a line, `# …` is a comment. */
function runbookQueries(): readonly (readonly [string, string])[] {
  const folder = fileURLToPath(new URL("../../docs/runbooks", import.meta.url));
  return readdirSync(folder).flatMap((page) => {
    const text = readFileSync(`${folder}/${page}`, "utf8");
    return [...text.matchAll(/```promql\n([^]*?)```/g)].flatMap(([, block = ""]) =>
      block
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"))
        .map((line) => [page.replace(/\.md$/, ""), line] as const),
    );
  });
}

interface Line {
  readonly panel: string;
  readonly series: string;
  readonly value: number;
  readonly unit: string | undefined;
}

function linesOf(all: ReadonlyMap<Target, readonly Sample[]>): readonly Line[] {
  return [...all].flatMap(([{ panel, legend, unit }, samples]) =>
    samples.map(({ labels, value }) => ({
      panel,
      series: legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? ""),
      value,
      unit,
    })),
  );
}

const bySeries = ({ series, value }: Line): [string, number] => [series, value];

/** The panels with their values, for people. */
function asText(all: ReadonlyMap<Target, readonly Sample[]>): string {
  const lines = linesOf(all);
  const empty = TARGETS.filter((target) => !all.get(target)?.length);
  const rows = [
    ...lines.map((line) => [line.panel, line.series, formatted(line)] as const),
    ...empty.map(({ panel, legend }) => [panel, legend, "(no data)"] as const),
  ];
  const order = TARGETS.map(({ panel }) => panel);
  rows.sort((a, b) => order.indexOf(a[0]) - order.indexOf(b[0]));
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  let before = "";
  return rows
    .map(([panel, series, value]) => {
      const title = panel === before ? "" : panel;
      before = panel;
      return `${title.padEnd(width(0))}  ${series.padEnd(width(1))}  ${value}`;
    })
    .join("\n");
}

function formatted({ value, unit }: Line): string {
  if (!Number.isFinite(value)) return "(nothing happened)";
  switch (unit) {
    case "s":
      return `${value.toFixed(3)} s`;
    case "bytes":
      return `${(value / 1e6).toFixed(0)} MB`;
    case "percentunit":
      return `${(value * 100).toFixed(1)} %`;
    default:
      return String(Math.round(value * 1000) / 1000);
  }
}
