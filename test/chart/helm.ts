import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { loadAll } from "js-yaml";

/** Root of the checkout. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CHART = join(ROOT, "helm/ecs-reinstall-worker");

const run = promisify(execFile);
const LIMITS = { cwd: ROOT, maxBuffer: 64e6 };

/** What the script answers: it starts a dozen processes, and says the same each time. */
let found: Promise<{ readonly stdout: string; readonly stderr: string }> | undefined;

export type ToolName = "helm3" | "helm4" | "promtool";

/** Path of a program; rejects with the reason when this machine cannot have it. */
export async function tool(name: ToolName): Promise<string> {
  found ??= run(join(ROOT, "scripts/chart-tools.sh"), LIMITS);
  const { stdout, stderr } = await found;
  const line = stdout.split("\n").find((one) => one.startsWith(`${name}=`));
  if (line === undefined) throw new Error(`the chart's tests need ${name}. ${stderr.trim()}`);
  return line.slice(name.length + 1);
}

/** Files in the chart's `ci` folder by name: the installations that are rendered and checked. */
export const CASES: readonly string[] = readdirSync(join(CHART, "ci")).map((file) =>
  file.replace(/-values\.yaml$/, ""),
);

const valuesFile = (name: string) => join(CHART, `ci/${name}-values.yaml`);

/** `--set` in the form of `key=value`; `null` and numbers as Helm reads them. One that begins with `{` is JSON. */
export async function template(
  helm: "helm3" | "helm4",
  name: string,
  settings: readonly string[] = [],
  release: { readonly name: string; readonly namespace: string } = {
    name: "ecs",
    namespace: "ops",
  },
): Promise<string> {
  const set = settings.flatMap(argumentsOf);
  const { name: called, namespace } = release;
  const args = ["template", called, CHART, "-n", namespace, "-f", valuesFile(name), ...set];
  const key = JSON.stringify([helm, ...args]);
  const rendered = RENDERED.get(key) ?? tool(helm).then((program) => run(program, args, LIMITS));
  RENDERED.set(key, rendered);
  return (await rendered).stdout;
}

function argumentsOf(setting: string): readonly string[] {
  if (!setting.startsWith("{")) return ["--set", setting];
  return Object.entries(JSON.parse(setting) as object).flatMap(([name, value]) => [
    "--set-json",
    `${name}=${JSON.stringify(value)}`,
  ]);
}

/** Each installation is rendered once for a file, however many of its tests look at it. */
const RENDERED = new Map<string, Promise<{ readonly stdout: string }>>();

export async function lint(helm: "helm3" | "helm4", name?: string): Promise<string> {
  const values = name === undefined ? [] : ["-f", valuesFile(name)];
  return (await run(await tool(helm), ["lint", "--strict", CHART, ...values], LIMITS)).stdout;
}

/** What is told after an installation. Helm 4 only: 3 asks a cluster first. */
export async function notes(name: string, settings: readonly string[] = []): Promise<string> {
  const set = settings.flatMap((setting) => ["--set", setting]);
  const args = ["install", "ecs", CHART, "-n", "ops", "-f", valuesFile(name), "--dry-run=client"];
  const { stdout } = await run(await tool("helm4"), [...args, ...set], LIMITS);
  return stdout.slice(stdout.indexOf("\nNOTES:\n"));
}

/** A rendered document. Deep inside anything may stand, as in Kubernetes: tests say what they expect. */
export interface Document {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
}

export function documentsOf(rendered: string): readonly Document[] {
  return loadAll(rendered).filter((one): one is Document => one !== null && one !== undefined);
}

export async function documents(
  name: string,
  settings: readonly string[] = [],
  release?: { readonly name: string; readonly namespace: string },
): Promise<readonly Document[]> {
  return documentsOf(await template("helm4", name, settings, release));
}

/** The one document of a kind. */
export function only(all: readonly Document[], kind: string): Document {
  const found = all.filter((one) => one.kind === kind);
  const [first] = found;
  if (first === undefined || found.length > 1) throw new Error(`${found.length} of ${kind}`);
  return first;
}

export const chartFile = (name: string) => readFileSync(join(CHART, name), "utf8");

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext: Readonly<Record<string, unknown>>;
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly volumes: readonly {
    readonly name: string;
    readonly projected?: { readonly sources: readonly ProjectedSource[] };
  }[];
}

type ProjectedSource = Readonly<
  Record<
    string,
    {
      readonly name: string;
      readonly items: readonly { readonly key: string; readonly path: string }[];
    }
  >
>;

/** The pod of a Deployment, or of a Pod itself, with its labels. */
export function podOf(document: Document): {
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
} {
  if (document.kind === "Pod") {
    return { labels: document.metadata.labels, spec: document.spec as unknown as PodSpec };
  }
  const { metadata, spec } = document.spec["template"] as {
    metadata: { labels: Record<string, string> };
    spec: PodSpec;
  };
  return { labels: metadata.labels, spec };
}

/** The environment of a Deployment's one container. */
export function environmentOf(document: Document): Readonly<Record<string, string>> {
  const [container] = podOf(document).spec.containers;
  return Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value ?? ""]));
}
