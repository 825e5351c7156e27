import { readFileSync } from "node:fs";
import { join } from "node:path";
import { load as parseYaml } from "js-yaml";

/** Settings by section, as files and environment say them: not checked. */
export type Tree = Record<string, unknown>;

/**
 * The settings files of the folders, merged: `default.yaml`, then `<environment>.yaml` for each environment, then
 * `local.yaml` and `local-<environment>.yaml`, each name in all folders before the next; what comes later wins. A file
 * that is not there says nothing. Throws, with the file's name, on one that cannot be read or is no YAML.
 */
export function readSettingsFiles(
  folders: readonly string[],
  environments: readonly string[],
): Tree {
  const names = ["default", ...environments, ...environments.flatMap(localNames)];
  // Of a name that stands there twice the last place counts.
  const inOrder = names.filter((name, place) => names.lastIndexOf(name) === place);
  const files = inOrder.flatMap((name) => folders.map((folder) => join(folder, `${name}.yaml`)));
  return files.map(readYaml).reduce(merged, {});
}

function localNames(environment: string): string[] {
  return ["local", `local-${environment}`];
}

/** One YAML file; empty when it is not there, or holds no section. Throws on one that cannot be read or is no YAML. */
export function readYaml(path: string): Tree {
  let text: string;
  try {
    text = readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return {};
    throw new Error(`Config file ${path} cannot be read (${code})`, { cause: error });
  }
  try {
    const read = parseYaml(text);
    return isTree(read) ? read : {};
  } catch (error) {
    throw new Error(`Cannot parse config file: '${path}': ${String(error)}`, { cause: error });
  }
}

/** Sections are merged, everything else, lists included, is replaced. Changes neither. */
export function merged(below: Tree, above: Tree): Tree {
  return Object.entries(above).reduce<Tree>((all, [key, value]) => {
    const known = all[key];
    return { ...all, [key]: isTree(known) && isTree(value) ? merged(known, value) : value };
  }, below);
}

/** A section: neither a list nor a value. */
export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
