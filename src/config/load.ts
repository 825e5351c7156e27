import { getHeapStatistics } from "node:v8";
import type { z } from "zod";
import { takeAddressFromFiles } from "./broker-address.ts";
import { assemble, assembleAmqp, type Config } from "./assemble.ts";
import { assembleRedis } from "./assemble-redis.ts";
import { brokenInequalities, type Report } from "./inequalities.ts";
import { misspeltVariables } from "./misspelt-variables.ts";
import type { Problem } from "./problem.ts";
import { Settings } from "./schema.ts";
import { isTree, type Tree } from "./files.ts";
import { type Environment, readSources, type Sources } from "./sources.ts";

/** The configuration, frozen, or everything that is wrong with it. */
export type LoadedConfig =
  | { readonly kind: "ok"; readonly config: Config }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

/**
 * Reads and checks the whole configuration, once, before anything connects. Every problem is reported, not
 * just the first: a setting that is wrong in itself is replaced by its default while the rest is checked.
 */
export function loadConfig(
  env: Environment = process.env,
  heapBytes: number = getHeapStatistics().heap_size_limit,
): LoadedConfig {
  const { settings, problems, report, misspelt } = check(env);
  if (settings === null) return { kind: "invalid", problems };
  const config = assemble(settings, env, report);
  for (const broken of brokenInequalities(settings, heapBytes)) report(broken);
  if (config === null || problems.length > 0) return { kind: "invalid", problems };
  return { kind: "ok", config: deepFrozen({ ...config, misspelt }) };
}

/** The broker's room alone, for programs that only send commands and read events: they need no credentials of the cloud. */
export function loadAmqp(
  env: Environment = process.env,
):
  | { readonly kind: "ok"; readonly amqp: Config["amqp"] }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] } {
  const { settings, problems, report } = check(env);
  const amqp = settings === null ? null : assembleAmqp(settings.amqp, report);
  const ours = problems.filter(({ path }) => path === "config" || overlaps(path, "amqp"));
  if (amqp === null || ours.length > 0) return { kind: "invalid", problems: ours };
  return { kind: "ok", amqp: deepFrozen(amqp) };
}

/** Redis's room alone, for tools that operators run: they need neither broker nor cloud. */
export function loadRedis(
  env: Environment = process.env,
):
  | { readonly kind: "ok"; readonly redis: Config["redis"] }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] } {
  const { settings, problems, report } = check(env);
  const redis = settings === null ? null : assembleRedis(settings.redis, report);
  const ours = problems.filter(({ path }) => path === "config" || overlaps(path, "redis"));
  if (redis === null || ours.length > 0) return { kind: "invalid", problems: ours };
  return { kind: "ok", redis: deepFrozen(redis) };
}

interface Checked {
  /** Null: the sources could not even be read. */
  readonly settings: Settings | null;
  /** Grows with what is reported. */
  readonly problems: Problem[];
  readonly report: Report;
  /** Variables that nobody reads. */
  readonly misspelt: readonly Problem[];
}

function check(env: Environment): Checked {
  const problems: Problem[] = [];
  let sources: Sources;
  try {
    sources = readSources(env);
  } catch (error) {
    // The first line alone: a YAML error goes on with a piece of the file.
    const [message = ""] = String(error instanceof Error ? error.message : error).split("\n");
    problems.push({ path: "config", variable: null, message });
    return { settings: null, problems, report: () => undefined, misspelt: [] };
  }
  const add = (path: string, message: string) => {
    problems.push({ path, variable: variableOf(path, sources.variables), message });
  };
  const merged = withoutNulls(sources.merged);
  takeAddressFromFiles(merged, add);
  const { settings, wrong } = checkedOrRepaired(merged, withoutNulls(sources.defaults), add);
  const report: Report = ({ path, involves, message, variable }) => {
    // A rule about a value that was replaced says nothing.
    if (involves.some((one) => wrong.some((bad) => overlaps(one, bad)))) return;
    if (variable === undefined) add(path, message);
    else problems.push({ path, variable, message });
  };
  const misspelt = misspeltVariables(env, sources.variables);
  return { settings, problems, report, misspelt };
}

/** What the schema makes of the sources. Settings that it refuses are reported, and their defaults stand in for them. */
function checkedOrRepaired(
  tree: Tree,
  defaults: Tree,
  add: (path: string, message: string) => void,
): { settings: Settings; wrong: string[] } {
  const first = Settings.safeParse(tree);
  if (first.success) return { settings: first.data, wrong: [] };
  const wrong: string[] = [];
  for (const issue of first.error.issues) {
    for (const path of pathsOf(issue)) {
      add(path.join("."), messageOf(issue));
      wrong.push(repair(tree, defaults, path));
    }
  }
  // Needed and without a default: any project will do for looking at the rest.
  const standIn = { projects: ["0".repeat(32)] };
  const projectsAreWrong = wrong.some((path) => overlaps(path, "cloud.projects"));
  if (projectsAreWrong) Object.assign((tree["cloud"] ??= {}) as Tree, standIn);
  return { settings: Settings.parse(tree), wrong };
}

function pathsOf(issue: z.core.$ZodIssue): string[][] {
  const path = issue.path.map(String);
  return issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path];
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") return "is no setting";
  if (issue.code === "invalid_type" && issue.expected === "object") return "must be a section";
  return issue.message;
}

/** Puts the default back at the setting that `path` leads to or into. Gives the dotted path of what it replaced. */
function repair(tree: Tree, defaults: Tree, path: readonly string[]): string {
  let [bad, good] = [tree, defaults];
  const walked: string[] = [];
  for (const key of path) {
    walked.push(key);
    const below = good[key];
    if (isTree(below) && isTree(bad[key])) {
      [bad, good] = [bad[key], below];
      continue;
    }
    if (below === undefined) delete bad[key];
    else bad[key] = structuredClone(below);
    break;
  }
  return walked.join(".");
}

/** The variable of a setting, or of the setting that `path` leads into (`cloud.projects.1`). */
function variableOf(path: string, variables: ReadonlyMap<string, string>): string | null {
  const parts = path.split(".");
  for (let length = parts.length; length > 0; length--) {
    const name = variables.get(parts.slice(0, length).join("."));
    if (name !== undefined) return name;
  }
  return null;
}

function overlaps(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}.`) || other.startsWith(`${one}.`);
}

/** A copy in which `~` is absence. */
function withoutNulls(tree: Tree): Tree {
  const entries = Object.entries(tree).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, isTree(value) ? withoutNulls(value) : value]),
  );
}

function deepFrozen<T>(value: T): T {
  if ((typeof value === "object" && value !== null) || typeof value === "function") {
    Object.values(value).forEach(deepFrozen);
    Object.freeze(value);
  }
  return value;
}
