import { CommandBody, type Problem } from "../../../contract/command.ts";
import {
  ADMINPASS_REFUSED,
  MetadataFields,
  OsReinstallFields,
} from "../../../contract/os-reinstall.ts";
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

const REINSTALL = "os-reinstall";
const METADATA = `${REINSTALL}.metadata`;

/**
 * Fields that must not be lost: those that hold the command back, and those that decide how the server comes back. In another
 * object nobody reads them, and the server is wiped all the same. By their folded names: the name, and where it belongs. Not
 * `mode` and `userid`: a server that runs is stopped without the one, and `keyname` is refused without the other.
 */
const HOMES: ReadonlyMap<string, { readonly name: string; readonly home: string }> = new Map(
  [
    ...(
      [
        "dry_run",
        "expected_system_disk",
        "expires_at",
        "not_before",
        "observed_at",
        "on_busy",
      ] satisfies (keyof typeof CommandBody.shape)[]
    ).map((name) => ({ name, home: `the command itself, beside ${REINSTALL}` })),
    ...(["keyname", "adminpass"] satisfies (keyof typeof OsReinstallFields.shape)[]).map(
      (name) => ({ name, home: REINSTALL }),
    ),
    ...Object.keys(MetadataFields.shape).map((name) => ({ name, home: METADATA })),
  ].map((field) => [folded(field.name), field]),
);

/** A field that must not be lost, in another object than its own; null: none of these. */
export function misplacedField(path: string, key: string): Problem | null {
  const meant = HOMES.get(folded(key));
  if (meant === undefined) return null;
  const { name, home } = meant;
  if (name === "adminpass") return { path, code: "adminpass-refused", message: ADMINPASS_REFUSED };
  return {
    path,
    code: "misplaced",
    message: `would be ignored here: ${name} belongs into ${home}`,
  };
}

/** The fields of a command that nobody reads. `prefix` stands before each path of a problem. */
export function strangersOf(value: unknown, prefix = ""): Strangers {
  const unknown: string[] = [];
  const misspelt = strayMetadata(value, prefix);
  for (const { path, known } of LEVELS) {
    const object = memberAt(value, path);
    if (!isRecord(object)) continue;
    const meant = new Map(known.map((name) => [folded(name), name]));
    for (const key of Object.keys(object)) {
      if (known.includes(key)) continue;
      const name = [...path, shownName(key)].join(".");
      const wanted = meant.get(folded(key));
      const misplaced = misplacedField(`${prefix}${name}`, key);
      if (wanted !== undefined) misspelt.push(misspeltAs(`${prefix}${name}`, wanted));
      else if (misplaced !== null) misspelt.push(misplaced);
      else unknown.push(name);
    }
  }
  return { unknown, misspelt };
}

/** A `metadata` beside `os-reinstall` may be the emitter's own: not with what is the API's in it. */
function strayMetadata(value: unknown, prefix: string): Problem[] {
  const stray = memberAt(value, ["metadata"]);
  if (!isRecord(stray)) return [];
  return Object.keys(stray).flatMap(
    (key) => misplacedField(`${prefix}metadata.${shownName(key)}`, key) ?? [],
  );
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
