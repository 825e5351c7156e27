// Writes docs/metrics.md: `npx tsx scripts/generate-metrics-docs.ts`. A unit test compares.
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { CLASS_VERDICTS, ERROR_CLASSES } from "../src/adapters/cloud/answers/error-class.ts";
import { CATALOGUE } from "../src/observe/metrics/catalogue.ts";

const MISTAKES = ERROR_CLASSES.filter((name) => CLASS_VERDICTS[name].emittersMistake)
  .map((name) => `\`${name}\``)
  .join(", ");

const HEAD = `# Metrics

\`GET /metrics\` on \`HTTP_PORT\`, in the text format of Prometheus. Made from \`src/observe/metrics/catalogue.ts\` by
\`scripts/generate-metrics-docs.ts\`: change that, then run it.

Labels come from closed lists; a server or command is found in the log, never in a label. \`project\` is one of
\`ECS_PROJECTS\`, or \`other\` for a command that names none of them. What is about one project has the label; what is about a
process, its queues or its connections has none, nor have the histograms by phase, which would be thousands of series.
\`source\` is one of \`METRICS_SOURCES\`, or \`other\`: emitters write what they like into a command's \`source\`, and a label
that a message can choose is no label. Each worker counts what it did itself: sum over
them. The gauges about all workers (\`open_commands\`, \`phase_commands\`, \`oldest_command_age_seconds\`, \`paused\`,
\`message_overdue_seconds\`, \`locks\`, \`locks_overdue\`, \`lock_age_seconds\`, \`oldest_lock_age_seconds\`,
\`evidence_samples\`) say the same thing in each: take the maximum, \`max by (project) (…)\`, and sum that over
projects. They are read from Redis once a minute (\`message_overdue_seconds\` every 15 s), and have no value while
Redis is away. The same holds for \`queue_messages\` (every 15 s, from RabbitMQ) and \`budget_left_ratio\` (every 15 s, from Redis): what
nobody can read is unknown, not what it was.

| metric | type | labels | says |
|---|---|---|---|
`;

const FOOT = `
## Objectives

The alerts and the dashboard judge the service by two objectives over 30 days:

| objective | counted by | default |
|---|---|---|
| **good ends**: of the reinstalls that somebody was right to ask for, so many succeed | \`ecs_reinstall_ends_total\` | 99 % |
| **time to recover**: from \`observed_at\` to the reinstalled server it takes less than 15 min, by \`source\` | \`ecs_reinstall_recovery_seconds\` | 90 % |

\`verdict\` of an end:

| end | verdict |
|---|---|
| \`succeeded\` | \`good\` |
| \`failed\` | \`bad\`, but \`excluded\` where the [table of errors](errors.md#classes) says that it is the emitter's mistake: ${MISTAKES} |
| \`unresolved\` | \`bad\`, whatever \`settled\` says later |
| \`expired\` | \`bad\`: the server was not reinstalled in time, whatever held the command back |
| \`rejected\` | \`excluded\`: the emitter's mistake |
| \`quarantined\`, \`superseded\`, \`cancelled\`, \`planned\` | \`excluded\`: not to be done, no longer needed, or only asked |
| any, of a command that had joined another | \`excluded\`: one reinstall is one end |

The objective of time has only commands with \`observed_at\` that succeeded; the others are in the first. A queue of commands behind
the cap counts too: whoever asks for 500 servers at once spends the budget of time.

The chart's recording rules keep the share that missed each objective, over windows from 5 minutes to 30 days, as
\`ecs_reinstall:bad_ends:ratio_rate<window>\` and \`ecs_reinstall:slow_recoveries:ratio_rate<window>\`. Two windows together make an
alert: the long one says that it matters, the short one that it still goes on
([burn rates](https://sre.google/workbook/alerting-on-slos/)).

## Exemplars

With tracing on (\`OTEL_EXPORTER_OTLP_ENDPOINT\`) the page is in the format of OpenMetrics, which Prometheus and its agents read, and
each bucket of a histogram names the trace of its last recorded observation. Prometheus keeps them with
\`--enable-feature=exemplar-storage\`. Without tracing the page is in the text format, without exemplars.

Besides the metrics above: memory, CPU, event loop and garbage collection of the process, as prom-client names them
(\`process_…\`, \`nodejs_…\`).
`;

/** The whole page. */
export function metricsDocs(): string {
  const rows = Object.values(CATALOGUE).map(({ name, kind, labels, help }) => {
    const cells = Object.entries<readonly string[] | null>(labels).map(([label, values]) =>
      values === null ? `\`${label}\`` : `\`${label}\`: ${values.join(", ")}`,
    );
    return `| \`${name}\` | ${kind} | ${cells.join("; ")} | ${help} |\n`;
  });
  return HEAD + rows.join("") + FOOT;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(new URL("../docs/metrics.md", import.meta.url), metricsDocs());
}
