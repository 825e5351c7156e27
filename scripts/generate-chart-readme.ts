// Writes helm/ecs-reinstall-worker/README.md: `npx tsx scripts/generate-chart-readme.ts`. A test of the chart compares.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { load } from "js-yaml";

const CHART = new URL("../helm/ecs-reinstall-worker/", import.meta.url);
/** A longer default would tear the table apart. */
const LONGEST_DEFAULT = 60;

/** The whole page: the template, with a table of what `# --` comments in values.yaml say. */
export function chartReadme(): string {
  const rows = documentedValues(read("values.yaml")).map(
    ({ path, preset, text }) => `| \`${path}\` | ${shown(preset)} | ${text} |`,
  );
  const table = ["| value | default | meaning |", "|---|---|---|", ...rows].join("\n");
  return read("README.template.md").replace("<!-- values -->", () => table);
}

interface DocumentedValue {
  readonly path: string;
  readonly preset: unknown;
  readonly text: string;
}

function documentedValues(yaml: string): readonly DocumentedValue[] {
  const values: unknown = load(yaml);
  const found: DocumentedValue[] = [];
  const above: string[] = [];
  let text: string | null = null;
  for (const line of yaml.split("\n")) {
    const comment = /^ *# -- (.*)$/.exec(line)?.[1];
    if (comment !== undefined) text = comment;
    const [, indent, key] = /^( *)([A-Za-z]\w*):/.exec(line) ?? [];
    if (indent === undefined || key === undefined) continue;
    const depth = indent.length / 2;
    above.splice(depth, Infinity, key);
    if (text !== null) found.push({ path: above.join("."), preset: valueAt(values, above), text });
    text = null;
  }
  return found;
}

function valueAt(tree: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((below, key) => (below as Record<string, unknown>)[key], tree);
}

function shown(preset: unknown): string {
  if (preset === null || preset === "") return "";
  const text = typeof preset === "string" ? preset : JSON.stringify(preset);
  return text.length > LONGEST_DEFAULT ? "see `values.yaml`" : `\`${text}\``;
}

function read(name: string): string {
  return readFileSync(new URL(name, CHART), "utf8");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(new URL("README.md", CHART), chartReadme());
}
