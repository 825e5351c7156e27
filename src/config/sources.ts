import { existsSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Load, Util } from "config/lib/util.js";
import { load as parseYaml } from "js-yaml";

export type Environment = Readonly<Record<string, string | undefined>>;
export type Tree = Record<string, unknown>;

/** What files and environment say, merged but not checked. */
export interface Sources {
  readonly merged: Tree;
  /** config/default.yaml of this package alone. */
  readonly defaults: Tree;
  /** Dotted path of each setting -> its environment variable. */
  readonly variables: ReadonlyMap<string, string>;
}

/**
 * Reads `default.yaml`, `<NODE_ENV>.yaml` and `local.yaml` (as the `config` library names them), then the
 * environment. The folder is the package's own, wherever the process was started; folders in
 * NODE_CONFIG_DIR come on top of it. Throws on a file that is no YAML.
 */
export function readSources(env: Environment): Sources {
  const own = ownFolder();
  const folders = [own, ...foldersOf(env["NODE_CONFIG_DIR"])];
  const load = new Load({
    configDir: folders.join(delimiter),
    nodeEnv: (env["NODE_ENV"] || "development").split(","),
    ...COMMON,
  });
  Util.loadFileConfigs(load);
  const variables = new Map<string, string>();
  load.loadFile(join(own, "custom-environment-variables.yaml"), (names: Tree) => {
    collect(names, [], variables);
    return overlay(names, env);
  });
  const defaults = new Load({ configDir: own, nodeEnv: [], ...COMMON });
  defaults.loadFile(join(own, "default.yaml"));
  return { merged: load.config, defaults: defaults.config, variables };
}

/*
 * A parser of our own: the library's looks for js-yaml from the working directory, which may be anywhere, and
 * takes .js and .ts too, which are code and no configuration. Its types describe another shape than it has.
 */
const YAML_ONLY = {
  parse: (_file: string, text: string) => parseYaml(text),
  getFilesOrder: () => ["yaml"],
} as unknown as NonNullable<ConstructorParameters<typeof Load>[0]>["parser"] & object;

/** Empty host: a machine's name picks no file. */
const COMMON = { hostName: "", parser: YAML_ONLY };

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
