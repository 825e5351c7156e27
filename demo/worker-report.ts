import { readFileSync } from "node:fs";
import { type Sample, sumOf } from "./metrics-text.ts";
import type { Paint } from "./paint.ts";
import { plainTable } from "./plain-table.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** What a worker did, by its own metrics. Of a killed one: as it was when it was last asked. */
export function deedsOf(worker: WorkerProcess) {
  const samples = worker.lastSamples();
  return {
    steps: ['queue="work"', 'queue="work-waiting"'].reduce(
      (sum, queue) => sum + sumOf(samples, "ecs_reinstall_deliveries_total", queue),
      0,
    ),
    requests: sumOf(samples, "ecs_reinstall_cloud_requests_total", 'operation="reinstall"'),
    outcomes: sumOf(samples, "ecs_reinstall_commands_total"),
  };
}

export function workerTable(workers: readonly WorkerProcess[], paint: Paint): string {
  return plainTable(
    [
      { head: "worker", width: 10 },
      { head: "steps", width: 7, align: "right" },
      { head: "requests", width: 10, align: "right" },
      { head: "outcomes", width: 10, align: "right" },
      { head: "  metrics and readiness", width: 42 },
    ],
    workers.map((worker) => {
      const { steps, requests, outcomes } = deedsOf(worker);
      return [
        worker.name,
        `${steps}`,
        `${requests}`,
        `${outcomes}`,
        worker.ending === undefined
          ? `  ${worker.url}/metrics /readyz`
          : paint("red", `  ended by ${worker.ending}`),
      ];
    }),
    paint,
  );
}

const SHOWN = [
  "ecs_reinstall_commands_total",
  "ecs_reinstall_reconciliations_total",
  "ecs_reinstall_duplicates_total",
  "ecs_reinstall_dependency_up",
];

/** The lines of a metrics page that tell this story. */
export function metricsExcerpt(samples: readonly Sample[]): readonly string[] {
  return samples
    .filter(({ name, value }) => SHOWN.includes(name) && value > 0)
    .map(({ name, labels, value }) => `${name}${labels === "" ? "" : `{${labels}}`} ${value}`);
}

const WARN = 40;

/** The last warnings and errors of a worker's log, for a demo that did not end well. */
export function troubleIn({ logFile }: WorkerProcess, most = 12): readonly string[] {
  return readFileSync(logFile, "utf8")
    .split("\n")
    .filter((line) => isTrouble(line))
    .slice(-most);
}

function isTrouble(line: string): boolean {
  if (line === "") return false;
  try {
    const { level } = JSON.parse(line) as { level: number | string };
    return typeof level === "number" ? level >= WARN : /warn|error|fatal/.test(level);
  } catch {
    // No JSON: Node.js itself has something to say.
    return true;
  }
}
