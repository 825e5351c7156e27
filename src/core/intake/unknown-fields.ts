import { CommandBody, type Problem } from "../../contract/command.ts";
import { MetadataFields, OsReinstallFields } from "../../contract/os-reinstall.ts";
import { isRecord } from "./is-record.ts";
import { shownName } from "./names.ts";

interface Level {
  /** Where the object is; empty for the command itself. */
  readonly path: readonly string[];
  readonly known: readonly string[];
}

/** The objects of a command, and the fields that somebody reads in each. */
export const LEVELS: readonly Level[] = [
  { path: [], known: Object.keys(CommandBody.shape) },
  { path: ["os-reinstall"], known: Object.keys(OsReinstallFields.shape) },
  { path: ["os-reinstall", "metadata"], known: Object.keys(MetadataFields.shape) },
];

export interface Strangers {
  /** Dotted names of fields that nobody reads: ignored, but never in silence. */
  readonly unknown: readonly string[];
  /**
   * A name that is a known one but for case, hyphens or underscores, or that stands in the wrong object: an attempt to be
   * careful must not be lost by a spelling.
   */
  readonly misspelt: readonly Problem[];
}

/** Fields of the command that hold it back. In another object nobody reads them, and the server is wiped at once. */
const CAREFUL: ReadonlyMap<string, string> = new Map(
  (
    [
      "dry_run",
      "expected_system_disk",
      "expires_at",
      "not_before",
      "observed_at",
      "on_busy",
    ] satisfies (keyof typeof CommandBody.shape)[]
  ).map((name) => [folded(name), name]),
);

/** A field that holds the command back and stands in another object than the command; null: none of these. */
export function misplacedField(path: string, key: string): Problem | null {
  const meant = CAREFUL.get(folded(key));
  if (meant === undefined) return null;
  const message = `would be ignored here: ${meant} belongs into the command itself, beside os-reinstall`;
  return { path, code: "misplaced", message };
}

/** The fields of a command that nobody reads. `prefix` stands before each path of a problem. */
export function strangersOf(value: unknown, prefix = ""): Strangers {
  const unknown: string[] = [];
  const misspelt: Problem[] = [];
  for (const { path, known } of LEVELS) {
    const object = memberAt(value, path);
    if (!isRecord(object)) continue;
    const meant = new Map(known.map((name) => [folded(name), name]));
    for (const key of Object.keys(object)) {
      if (known.includes(key)) continue;
      const name = [...path, shownName(key)].join(".");
      const wanted = meant.get(folded(key));
      const misplaced = path.length === 0 ? null : misplacedField(`${prefix}${name}`, key);
      if (wanted !== undefined) misspelt.push(misspeltAs(`${prefix}${name}`, wanted));
      else if (misplaced !== null) misspelt.push(misplaced);
      else unknown.push(name);
    }
  }
  return { unknown, misspelt };
}

function misspeltAs(path: string, wanted: string): Problem {
  const message =
    wanted === "adminpass"
      ? "is adminpass in another spelling, which is refused: a password does not belong in a message"
      : `must be written ${wanted}`;
  return { path, code: "misspelt", message };
}

function folded(name: string): string {
  return name.toLowerCase().replaceAll(/[-_\s]/g, "");
}

function memberAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((below, key) => (isRecord(below) ? below[key] : undefined), value);
}
