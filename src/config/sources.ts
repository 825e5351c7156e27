import { existsSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { merged, readSettingsFiles, readYaml, type Tree } from "./files.ts";

/** Environment variables by name, those of the process or a test's. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What files and environment say, merged but not checked. */
export interface Sources {
  readonly merged: Tree;
  /** config/default.yaml of this package alone. */
  readonly defaults: Tree;
  /** Dotted path of each setting -> its environment variable. */
  readonly variables: ReadonlyMap<string, string>;
}

/**
 * Reads `default.yaml`, `<NODE_ENV>.yaml` and `local.yaml`, then the environment. The folder is the package's own,
 * wherever the process was started; folders in NODE_CONFIG_DIR come on top of it. Throws on a file that is no YAML.
 *
 * Own code: the public interface of the `config` library reads process.env and the working directory while it is
 * imported, so that nothing can be said of a wrong file, and no test can bring an environment.
 */
export function readSources(env: Environment): Sources {
  const own = ownFolder();
  const folders = [own, ...foldersOf(env["NODE_CONFIG_DIR"])];
  const files = readSettingsFiles(folders, (env["NODE_ENV"] || "development").split(","));
  const names = readYaml(join(own, "custom-environment-variables.yaml"));
  const variables = new Map<string, string>();
  collect(names, [], variables);
  return {
    merged: merged(files, overlay(names, env)),
    defaults: readYaml(join(own, "default.yaml")),
    variables,
  };
}

/** `config/` beside package.json, from src/config and from dist/config. */
export function ownFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error("no package.json above the configuration's own module");
    folder = parent;
  }
  return join(folder, "config");
}

function foldersOf(list: string | undefined): string[] {
  return (list ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => resolve(folder));
}

function collect(names: Tree, above: readonly string[], into: Map<string, string>): void {
  for (const [key, name] of Object.entries(names)) {
    if (typeof name === "string") into.set([...above, key].join("."), name);
    else collect(name as Tree, [...above, key], into);
  }
}

/** The names replaced by what the environment says under them; unset and blank ones left out. */
function overlay(names: Tree, env: Environment): Tree {
  const said: Tree = {};
  for (const [key, name] of Object.entries(names)) {
    if (typeof name === "string") {
      const value = env[name];
      if (value !== undefined && value.trim() !== "") said[key] = value;
    } else {
      const below = overlay(name as Tree, env);
      if (Object.keys(below).length > 0) said[key] = below;
    }
  }
  return said;
}
