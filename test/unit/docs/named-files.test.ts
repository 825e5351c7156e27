import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { ownFolder } from "../../../src/config/sources.ts";

const ROOT = join(ownFolder(), "..");
const PAGES = ["README.md", "CONTRIBUTING.md", "CODEOWNERS.example", "docs/architecture.md"];
const SCRIPTS = Object.keys(
  (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: object }).scripts,
);
const TARGETS = [...readFileSync(join(ROOT, "Makefile"), "utf8").matchAll(/^([\w-]+):/gm)].map(
  ([, target = ""]) => target,
);

describe.each(PAGES)("%s", (page) => {
  const text = readFileSync(join(ROOT, page), "utf8");

  it("names files and folders that exist", () => {
    const quoted = [...text.matchAll(/`((?:\.?[\w-]+\/)+[\w.-]*|[\w.-]+\.(?:ts|md|json|yaml))`/g)]
      .map(([, path = ""]) => path)
      // `.cache` is where `make setup` puts what a machine lacks.
      .filter((path) =>
        /^(?:src|test|docs|helm|config|scripts|bench|demo|\.(?!cache\/))/.test(path),
      );
    const owned = [...text.matchAll(/^(\/[\w./-]+)\s+@/gm)].map(([, path = ""]) => path);
    expect([...quoted, ...owned].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("links to files that exist", () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(
      ([, path = ""]) => path,
    );
    const folder = dirname(join(ROOT, page));
    expect(links.filter((path) => !existsSync(join(folder, path)))).toEqual([]);
  });

  it("names npm scripts and make targets that exist", () => {
    const npm = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name = ""]) => name);
    const make = [...text.matchAll(/`make ([\w-]+)|^make ([\w-]+)/gm)].map(
      ([, one, two]) => one ?? two ?? "",
    );
    expect(npm.filter((name) => !SCRIPTS.includes(name))).toEqual([]);
    expect(make.filter((name) => !TARGETS.includes(name))).toEqual([]);
  });
});
