import type { Problem } from "./problem.ts";
import type { Environment } from "./sources.ts";

/**
 * Variables that nobody reads and that were hardly meant so: those of the brakes, a prefix that is ours alone, and those that
 * only case, hyphens or underscores distinguish from one that is read. A limit that was set by such a name is not there. No reason
 * to end: an older version does not know what a newer one reads.
 *
 * @param variables dotted path of each setting -> its variable
 */
export function misspeltVariables(
  env: Environment,
  variables: ReadonlyMap<string, string>,
): readonly Problem[] {
  const known = new Map([...variables].map(([path, name]) => [bare(name), { path, name }]));
  const names = new Set(variables.values());
  return Object.entries(env).flatMap(([name, value]): Problem[] => {
    if (names.has(name) || value === undefined || value.trim() === "") return [];
    const meant = known.get(bare(name));
    if (meant !== undefined) {
      const message = `is not read: must be written ${meant.name}`;
      return [{ path: meant.path, variable: name, message }];
    }
    return name.toUpperCase().startsWith("BRAKES_")
      ? [{ path: "brakes", variable: name, message: "is not read: no setting has this variable" }]
      : [];
  });
}

function bare(name: string): string {
  return name.toUpperCase().replaceAll(/[-_]/g, "");
}
