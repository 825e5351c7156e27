import type { Problem } from "../../../contract/command.ts";
import { isRecord } from "./is-record.ts";
import { shownName } from "./names.ts";

/** Names from the outermost object inwards, as they are written; an element of a list by its index. */
export type Path = readonly string[];

/** An object or a list that is not closed yet. */
interface Opened {
  /** Of an object: the names so far. */
  readonly names: Set<string> | null;
  /** The name or index of the member that is being read. */
  at: string;
  /** The next string is a name. */
  beforeName: boolean;
}

/**
 * Where an object has one name twice. `JSON.parse` takes the last and says nothing: a `dry_run` or one of two servers
 * would be lost. @param text JSON, already parsed without an error, and not deep
 */
export function repeatedNames(text: string): readonly Path[] {
  const found = new Map<string, Path>();
  const opened: Opened[] = [];
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    const inner = opened.at(-1);
    if (char === '"') {
      const from = i;
      for (i++; text[i] !== '"'; i++) if (text[i] === "\\") i++;
      if (!inner?.names || !inner.beforeName) continue;
      inner.at = String(JSON.parse(text.slice(from, i + 1)));
      inner.beforeName = false;
      if (inner.names.has(inner.at)) {
        const path = opened.map(({ at }) => at);
        found.set(JSON.stringify(path), path);
      }
      inner.names.add(inner.at);
    } else if (char === "{") opened.push({ names: new Set(), at: "", beforeName: true });
    else if (char === "[") opened.push({ names: null, at: "0", beforeName: false });
    else if (char === "}" || char === "]") opened.pop();
    else if (char === "," && inner?.names) inner.beforeName = true;
    else if (char === "," && inner) inner.at = String(Number(inner.at) + 1);
  }
  return [...found.values()];
}

export function repeatedProblem(path: Path): Problem {
  const message = "stands there more than once: nobody can say which of them is meant";
  return { path: path.map(shownName).join("."), code: "repeated", message };
}

/** The message without what it says twice: an answer must not name one of two servers. */
export function withoutRepeated(value: unknown, paths: readonly Path[]): unknown {
  if (!isRecord(value)) return value;
  const byName = new Map<string | undefined, Path[]>();
  for (const [first, ...rest] of paths) byName.set(first, [...(byName.get(first) ?? []), rest]);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => byName.get(name)?.every((rest) => rest.length > 0) ?? true)
      .map(([name, member]) => {
        const below = byName.get(name);
        return [name, below === undefined ? member : withoutRepeated(member, below)];
      }),
  );
}
