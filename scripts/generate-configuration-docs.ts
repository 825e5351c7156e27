// Writes docs/configuration.md: `npx tsx scripts/generate-configuration-docs.ts`. A unit test compares.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import type { FieldMeta } from "../src/config/fields.ts";
import { Settings } from "../src/config/schema.ts";
import { ownFolder, readSources } from "../src/config/sources.ts";

interface Row {
  readonly path: string;
  readonly variable: string;
  readonly fallback: string;
  readonly takes: string;
  readonly meaning: string;
}

const HEAD = `# Configuration

Made from \`config/default.yaml\`, \`config/custom-environment-variables.yaml\` and \`src/config/schema.ts\` by
\`scripts/generate-configuration-docs.ts\`: change those, then run it.

What is said later wins: \`config/default.yaml\`, \`config/<NODE_ENV>.yaml\`, \`config/local.yaml\`, the environment. A
file of the same name in a folder of \`NODE_CONFIG_DIR\` (several are separated by colons) comes right after the
package's own. An empty variable counts as unset. Lists are separated by commas. \`ecs-reinstall config check\` prints
the result, with secrets masked, or every problem at once; the worker then exits with 78 before it connects to
anything. A variable that nobody reads is a warning where its name begins with \`BRAKES_\`, or differs from that of a setting only by
case, hyphens or underscores.

Secrets have no default. Each can be given as it is or, better, as a file (\`…_FILE\`); those of the cloud
and of RabbitMQ are read again when their file changes. **S** marks what is never shown.
`;

const ROOM_TITLES: Record<string, string> = {
  amqp: "RabbitMQ",
  redis: "Redis",
  cloud: "The cloud",
  protocol: "The protocol",
  brakes: "Brakes",
  metrics: "Metrics",
  http: "HTTP",
  shutdown: "Shutdown",
  log: "Log",
  tracing: "Tracing",
};

/** The whole page. Throws when a setting has no comment or no variable. */
export function configurationDocs(): string {
  const comments = commentsOf(readFileSync(join(ownFolder(), "default.yaml"), "utf8"));
  const { defaults, variables } = readSources({});
  const rows = leavesOf(Settings, []).map(([path, schema]): Row => {
    const meaning = comments.get(path);
    const variable = variables.get(path);
    if (meaning === undefined) throw new Error(`config/default.yaml has no comment above ${path}`);
    if (variable === undefined) throw new Error(`${path} has no environment variable`);
    return { path, variable, meaning, ...described(schema, valueAt(defaults, path)) };
  });
  const unknown = [...variables.keys()].filter((path) => !rows.some((row) => row.path === path));
  if (unknown.length > 0) throw new Error(`no such setting: ${unknown.join(", ")}`);
  const rooms = Object.entries(ROOM_TITLES).map(([room, title]) =>
    section(
      title,
      room,
      rows.filter((row) => row.path.startsWith(`${room}.`)),
    ),
  );
  return [HEAD, ...rooms].join("\n");
}

function section(title: string, room: string, rows: readonly Row[]): string {
  const cells = rows.map(
    (row) =>
      `| \`${row.variable}\` | \`${row.path.slice(room.length + 1)}\` | ${row.fallback} | ${row.takes} | ${row.meaning} |`,
  );
  return `## ${title} (\`${room}\`)

| variable | setting | default | takes | meaning |
|---|---|---|---|---|
${cells.join("\n")}
`;
}

function described(schema: z.ZodType, fallback: unknown): Pick<Row, "fallback" | "takes"> {
  const { unit, accepts, secret } = (schema.meta() ?? {}) as FieldMeta;
  const takes = [accepts, unit, secret ? "**S**" : ""].filter((part) => part).join(" ");
  if (fallback === null || fallback === undefined) return { fallback: "", takes };
  const shown = Array.isArray(fallback) ? fallback.join(",") : JSON.stringify(fallback);
  return { fallback: shown === "" ? "" : `\`${shown.replaceAll('"', "")}\``, takes };
}

function leavesOf(schema: z.ZodType, above: readonly string[]): [string, z.ZodType][] {
  if (schema instanceof z.ZodExactOptional) return leavesOf(schema.unwrap() as z.ZodType, above);
  if (!(schema instanceof z.ZodObject)) return [[above.join("."), schema]];
  return Object.entries(schema.shape).flatMap(([key, below]) =>
    leavesOf(below as z.ZodType, [...above, key]),
  );
}

function valueAt(tree: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((below, key) => (below as Record<string, unknown> | undefined)?.[key], tree);
}

/** The comment lines right above each key of a block-style YAML text, by dotted path. */
function commentsOf(yaml: string): Map<string, string> {
  const comments = new Map<string, string>();
  const open: { indent: number; key: string }[] = [];
  let pending: string[] = [];
  for (const line of yaml.split("\n")) {
    const comment = /^\s*# ?(.*)$/.exec(line)?.[1];
    const [, spaces, key] = /^( *)([A-Za-z0-9]+):/.exec(line) ?? [];
    if (comment !== undefined) pending.push(comment);
    else if (spaces !== undefined && key !== undefined) {
      while ((open.at(-1)?.indent ?? -1) >= spaces.length) open.pop();
      open.push({ indent: spaces.length, key });
      if (pending.length > 0) comments.set(open.map((one) => one.key).join("."), pending.join(" "));
      pending = [];
    } else pending = [];
  }
  return comments;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(join(ownFolder(), "..", "docs", "configuration.md"), configurationDocs());
}
