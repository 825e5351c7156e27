import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { describe, expect, it } from "vitest";
import { ownFolder } from "../../../src/config/sources.ts";

const ROOT = join(ownFolder(), "..");

/** Words that had two meanings, or that a reader had to guess, and what to write instead. */
const RETIRED: readonly (readonly [RegExp, string])[] = [
  [/\b(?:tell|tells|told|telling)\b/i, "publish, say, show, inform, distinguish"],
  [/\bcame\b/i, "arrived, was delivered"],
  [/\b(?:bury|buries|buried)\b/i, "give up, end"],
  [/\bdesks?\b/i, "operator commands"],
  [/\bdoors?\b/i, "where a message enters: name it"],
  [/\bbells?\b/i, "signal"],
  [/\bdoubt(?:s|ed|ing|ful|less)?\b/i, "may have run, unknown, not certain"],
  [/\b(?:put|puts|putting) (?:\w+ )?aside\b/i, "defer, deferred"],
  [/\bweather\b/i, "a failure that can be expected"],
  [/\b(?:mend|mends|mended|mending)\b/i, "correct, repair"],
  [/\bwish(?:es)?\b/i, "order, command with the same content"],
  [/\banew\b/i, "again"],
  [/\bhammer(?:s|ed|ing)?\b/i, "send too many requests"],
];

/** Names of the code, as they are, which a page may quote: a mutant of the simulation, and any path of a file. */
const QUOTED = /`doubt-forgotten`|`(?:src|test)\/[\w./-]+`/g;

const PAGES = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "helm/ecs-reinstall-worker/README.md",
  "helm/ecs-reinstall-worker/files/alerts.yaml",
  "helm/ecs-reinstall-worker/files/objectives.yaml",
  "helm/ecs-reinstall-worker/files/dashboard.json",
  "config/default.yaml",
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => join("docs", file)),
];

/** The lines of a text that use a retired word, each with the word and what to write instead. */
function retiredIn(text: string): readonly string[] {
  return text.split("\n").flatMap((line, index) => {
    const plain = line.replaceAll(QUOTED, "");
    return RETIRED.flatMap(([pattern, instead]) => {
      const word = pattern.exec(plain)?.[0];
      return word === undefined
        ? []
        : [`line ${index + 1}: "${word}" (write: ${instead}): ${line}`];
    });
  });
}

/** The rooms of the code whose names and comments use no retired word either. */
const ROOMS = [
  "adapters",
  "background",
  "cli",
  "composition",
  "config",
  "contract",
  "core",
  "deliveries",
  "observe",
  "process",
  "steps",
];
const CODE = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => /\.(?:tsx?|lua)$/.test(file))
  .filter((file) => !file.includes(sep) || ROOMS.includes(file.split(sep)[0] ?? ""))
  .map((file) => join("src", file));

/**
 * Names of stored data, as records and messages of every version have them: the fields `told` and `doubt`, a header. And
 * what people have read in events for long.
 */
const STORED = [
  /`told`|'told'|\brec\.told\b|\btold(?= = (?:1 \}|arg\.swept))/g,
  /(?<=\.)doubt\b|\bdoubt(?=: (?:true|z\.|mayHaveRun)| = may_have_run)|`doubt`|'doubt'|"x-ecs-doubt"/g,
  /tell the maintainers of the worker/g,
];

/** A name in camel case as its words, so that `toldAtMs` has `told` in it. */
function inWords(code: string): string {
  const plain = STORED.reduce((text, names) => text.replaceAll(names, "…"), code);
  return plain.replaceAll(/([a-z\d])([A-Z])/g, "$1 $2").replaceAll("_", " ");
}

/** What an order wishes for is compared by `wishHash`, a name of stored orders and records: that one word is the pages' matter. */
const isWish = (found: string) => /"wish(?:es)?"/i.test(found);

describe("the code", () => {
  it.each(CODE)("%s uses no retired word", (file) => {
    const text = readFileSync(join(ROOT, file), "utf8");
    expect(retiredIn(inWords(text)).filter((found) => !isWish(found))).toEqual([]);
  });

  it.each([
    "const toldAtMs = 1;",
    "bury(envelope);",
    "export interface PutAside {",
    "doubt: boolean;",
  ])("a retired word is found in a name: %s", (line) => {
    expect(retiredIn(inWords(line))).toHaveLength(1);
  });

  it.each([
    "rec.told == '1'",
    "/** The field `told`. */",
    "state.doubt === true",
    "const income = 1;",
  ])("a name of stored data is not: %s", (line) => {
    expect(retiredIn(inWords(line))).toEqual([]);
  });
});

describe("the pages", () => {
  it.each(PAGES)("%s uses no retired word", (page) => {
    const text = readFileSync(join(ROOT, page), "utf8");
    // The page of faults names tests by their titles, which are the code's.
    const own = page === join("docs", "faults.md") ? text.replaceAll(/"[^"\n]*"/g, '""') : text;
    expect(retiredIn(own)).toEqual([]);
  });

  it("CHANGELOG.md uses no retired word for what is not released yet", () => {
    const text = readFileSync(join(ROOT, "CHANGELOG.md"), "utf8");
    const unreleased = /^## Unreleased\n([^]*?)(?=^## |(?![^]))/m.exec(text)?.[1] ?? "";
    expect(unreleased).not.toBe("");
    expect(retiredIn(unreleased)).toEqual([]);
  });

  it.each([
    "The event is told twice.",
    "Each copy came late.",
    "A command in doubt waits.",
    "It is put aside.",
    "The worker puts it aside.",
    "Bury the step.",
  ])("a retired word is found: %s", (line) => {
    expect(retiredIn(line)).toHaveLength(1);
  });

  it.each(["The mutant `doubt-forgotten` is caught.", "An outcome, an income, an indoor plant."])(
    "another word is not: %s",
    (line) => {
      expect(retiredIn(line)).toEqual([]);
    },
  );
});
