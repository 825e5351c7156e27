// Writes docs/metrics.md: `npx tsx scripts/generate-metrics-docs.ts`. A unit test compares.
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { CATALOGUE } from "../src/observe/catalogue.ts";

const HEAD = `# Metrics

\`GET /metrics\` on \`HTTP_PORT\`, in the text format of Prometheus. Made from \`src/observe/catalogue.ts\` by
\`scripts/generate-metrics-docs.ts\`: change that, then run it.

Labels come from closed lists; a server or command is found in the log, never in a label. \`project\` is one of
\`ECS_PROJECTS\`, or \`other\` for a command that names none of them. Each worker counts what it did itself: sum over
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
Besides these: memory, CPU, event loop and garbage collection of the process, as prom-client names them
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
