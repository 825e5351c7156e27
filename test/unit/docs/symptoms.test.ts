import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { describe, expect, it } from "vitest";
import { ownFolder } from "../../../src/config/sources.ts";
import { EventName, WaitReason } from "../../../src/contract/event.ts";

const ROOT = join(ownFolder(), "..");
const DOCS = join(ROOT, "docs");
const PAGE = readFileSync(join(DOCS, "symptoms.md"), "utf8");

/** Rows by the heading that they stand under. */
const SECTIONS = new Map(
  PAGE.split(/^## /m)
    .slice(1)
    .map((text) => {
      const [heading = "", ...lines] = text.split("\n");
      const rows = lines.filter((line) => line.startsWith("| `"));
      return [heading, rows] as const;
    }),
);
const rowsOf = (heading: string) => SECTIONS.get(heading) ?? [];
const first = (row: string) => /^\| `([^`]+)`/.exec(row)?.[1] ?? "";

const SOURCES = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => /\.tsx?$/.test(file) && !file.startsWith("simulator"))
  .map((file) => ({ file, text: readFileSync(join(ROOT, "src", file), "utf8") }));

describe("docs/symptoms.md", () => {
  it("has a row for each alert", () => {
    const alerts = ["alerts", "objectives"].flatMap((name) => {
      const file = join(ROOT, `helm/ecs-reinstall-worker/files/${name}.yaml`);
      const { groups } = load(readFileSync(file, "utf8")) as {
        readonly groups: readonly { readonly rules: readonly { readonly alert?: string }[] }[];
      };
      return groups.flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? []));
    });
    expect(rowsOf("An alert").map(first).toSorted()).toEqual(alerts.toSorted());
  });

  it("has a row for each reason to wait", () => {
    expect(rowsOf("A command that waits").map(first).toSorted()).toEqual(
      WaitReason.options.toSorted(),
    );
  });

  it("has a row for each event", () => {
    expect(rowsOf("An event").map(first).toSorted()).toEqual(EventName.options.toSorted());
  });

  it("has a row for each code of a rejected command", () => {
    const codes = problemCodes();
    expect(codes.size).toBeGreaterThan(40);
    expect(rowsOf("A code of a rejected command").map(first).toSorted()).toEqual(
      [...codes].toSorted(),
    );
    const rules = readFileSync(join(DOCS, "messages.md"), "utf8");
    expect([...codes].filter((code) => !rules.includes(`\`${code}\``))).toEqual([]);
  });

  it("has a row for each refusal of an operator command", () => {
    const text = rowsOf("A refusal of an operator command").join("\n");
    const refusals = operatorRefusals();
    expect(refusals.length).toBeGreaterThan(7);
    expect(refusals.filter((words) => !text.includes(words))).toEqual([]);
  });

  it("has a row for each state of /readyz", () => {
    const union = SOURCES.flatMap(({ text }) => [
      ...text.matchAll(/readonly state: ((?:"\w+"(?: \| )?)+);/g),
    ])
      .map(([, members = ""]) => [...members.matchAll(/"(\w+)"/g)].map(([, name = ""]) => name))
      .find((names) => names.includes("stopping") && names.includes("untested"));
    expect(rowsOf("`/readyz`").map(first).toSorted()).toEqual(union?.toSorted());
  });

  it("has what it means, what to do and a link in each row", () => {
    const rows = [...SECTIONS.values()].flat();
    const bad = rows.filter((row) => {
      const [seen, means, todo] = row.split(/(?<!\\)\|/).slice(1, 4);
      const linked = /\]\([^)]+\)/.test(row) || (todo ?? "").includes("the table above");
      return [seen, means, todo].some((cell) => (cell ?? "").trim() === "") || !linked;
    });
    expect(bad).toEqual([]);
  });

  it("links to pages and headings that exist", () => {
    const broken = [...PAGE.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)].filter(
      ([, path = "", anchor]) => !leadsSomewhere(path, anchor),
    );
    expect(broken.map(([link]) => link)).toEqual([]);
  });
});

/**
 * What a problem of the code can be called: by its own rules, wherever they stand, and by the schema library, as far as the
 * contract uses it.
 */
function problemCodes(): ReadonlySet<string> {
  const own = SOURCES.filter(({ file }) => /^(core|contract|steps)\//.test(file)).flatMap(
    ({ text }) => [
      ...matches(text, /\b(?:code|rule): (?:[^"\n{}]*\? )?"([a-z0-9_-]+)"/g),
      ...matches(text, /\bunreadable\([^"]*?(?:""|\w+), "([a-z0-9_-]+)"/g),
      ...matches(text, /\bundeliverable\(\s*"([a-z0-9_-]+)"/g),
      ...matches(text, /^\s*\| "(user-data-[\w-]+)"/gm),
    ],
  );
  const schema = ["missing", "invalid_type", "invalid_format", "invalid_value", "too_small"];
  return new Set([...own, ...schema, "too_big"].filter((code) => code !== "custom"));
}

/** The longest fixed words of each refusal of `cancel`, `unlock`, `pause` and `resume`, and of the store behind them. */
function operatorRefusals(): readonly string[] {
  return SOURCES.filter(
    ({ file, text }) =>
      file.startsWith("cli/") &&
      (/new Command\("(?:cancel|unlock|pause|resume)"\)/.test(text) ||
        text.includes("Redis cannot be reached")),
  ).flatMap(({ text }) =>
    [...text.matchAll(/new CliFailure\(\s*(?:`([^`]*)`|"([^"]*)")/g)].map(
      ([, template = "", plain = ""]) =>
        `${template}${plain}`
          .split(/\$\{[^}]*\}/)
          .map((words) => words.trim())
          .reduce((longest, words) => (words.length > longest.length ? words : longest)),
    ),
  );
}

function matches(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map(([, name = ""]) => name);
}

function leadsSomewhere(path: string, anchor: string | undefined): boolean {
  const target = path === "" ? join(DOCS, "symptoms.md") : join(DOCS, path);
  if (!existsSync(target)) return false;
  if (anchor === undefined) return true;
  const headings = [...readFileSync(target, "utf8").matchAll(/^#+ (.+)$/gm)].map(
    ([, heading = ""]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
  );
  return headings.includes(anchor);
}
