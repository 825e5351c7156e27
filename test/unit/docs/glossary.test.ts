import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ownFolder } from "../../../src/config/sources.ts";

const ROOT = join(ownFolder(), "..");
const PAGE = readFileSync(join(ROOT, "docs", "glossary.md"), "utf8");

const ROWS = PAGE.split("\n")
  .filter((line) => /^\| (?!word |-)/.test(line) && !line.startsWith("|---"))
  .map((line) => {
    const [word = "", meaning = "", file = ""] = line
      .split("|")
      .slice(1)
      .map((cell) => cell.trim());
    return { word, meaning, file: /^`([^`]+)`$/.exec(file)?.[1] ?? "" };
  });

/** The words that a newcomer asked for first: they stay explained, whatever else comes and goes. */
const ASKED_FOR = [
  "attempt",
  "brake",
  "census",
  "claim",
  "deferred",
  "envelope",
  "epoch",
  "epoch run id",
  "evidence",
  "fence",
  "gate",
  "hold",
  "intent",
  "joined",
  "ladder",
  "leader",
  "pause scope",
  "quiet time",
  "reconcile",
  "rung",
  "settle",
  "step",
  "sweeper",
  "swept",
  "tombstone",
  "trust",
];

describe("docs/glossary.md", () => {
  it("explains every word once, in alphabetical order", () => {
    const words = ROWS.map(({ word }) => word);
    expect(words).toEqual([...new Set(words)].sort());
  });

  it("explains the words that are asked for first", () => {
    const words = ROWS.map(({ word }) => word);
    expect(ASKED_FOR.filter((word) => !words.includes(word))).toEqual([]);
  });

  it.each(ROWS)("says in one sentence what $word is", ({ meaning }) => {
    expect(meaning).toMatch(/^[A-Z].*\.$/);
    expect(meaning).not.toMatch(/[a-z]\. [A-Z]/);
  });

  it.each(ROWS)("names a file that exists for $word", ({ file }) => {
    expect(file).not.toBe("");
    expect(existsSync(join(ROOT, file)), file).toBe(true);
  });
});
