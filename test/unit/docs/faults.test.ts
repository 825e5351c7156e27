import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ownFolder } from "../../../src/config/sources.ts";

const ROOT = join(ownFolder(), "..");
const PAGE = readFileSync(join(ROOT, "docs", "faults.md"), "utf8");

/** `fault/redis` "a name", "another": a test file, and what of its names or cases the page means. */
const NAMED = [...PAGE.matchAll(/`((?:[\w-]+\/)+[\w-]+)`((?:,? "[^"]+")+)/g)].map(
  ([, file = "", names = ""]) => ({
    file,
    names: [...names.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name),
  }),
);

describe("docs/faults.md", () => {
  it("names a test for every fault", () => {
    const rows = PAGE.split("\n").filter((line) => /^\| (?!fault|---)/.test(line));
    expect(rows.length).toBeGreaterThan(60);
    expect(rows.filter((row) => !/`[\w-]+\/[\w/-]+` "/.test(row))).toEqual([]);
  });

  it.each(NAMED)("names tests that exist: $file $names", ({ file, names }) => {
    const path = join(ROOT, "test", `${file}.test.ts`);
    expect(existsSync(path)).toBe(true);
    const texts = textsOf(readFileSync(path, "utf8"));
    expect(names.filter((name) => !texts.some((text) => text.includes(name)))).toEqual([]);
  });

  it("leaves out no file of the fault tests", () => {
    const files = readdirSync(join(ROOT, "test", "fault"))
      .filter((file) => file.endsWith(".test.ts"))
      .map((file) => `fault/${file.replace(/\.test\.ts$/, "")}`);
    expect(files.filter((file) => !NAMED.some((named) => named.file === file))).toEqual([]);
  });
});

/** The strings of a test file, one by one: a comment is no test. */
function textsOf(source: string): readonly string[] {
  return source
    .split("\n")
    .filter((line) => !/^\s*(\/\/|\*|\/\*)/.test(line))
    .flatMap((line) => [...line.matchAll(/"((?:[^"\\]|\\.)*)"|`([^`]*)`/g)])
    .map(([, quoted, template]) => quoted ?? template ?? "");
}
