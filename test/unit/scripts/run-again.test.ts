import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { filesToRunAgain, MOST_FILES_AGAIN, verdict } from "../../../scripts/test-verdict.mjs";

const file = (path: string, tests: Readonly<Record<string, string>>, broken = false) => ({
  path: `test/${path}.test.ts`,
  project: path.slice(0, path.indexOf("/")),
  broken,
  tests: Object.entries(tests).map(([name, state]) => ({ name, state })),
});
const report = (...files: readonly ReturnType<typeof file>[]) => ({ files, strayErrors: 0 });

describe("what is run again", () => {
  it.each(["contract", "integration", "fault"])("a file of %s that failed", (project) => {
    const first = report(
      file(`${project}/a`, { one: "passed", two: "failed" }),
      file(`${project}/b`, { one: "skipped" }, true),
      file(`${project}/c`, { one: "passed" }),
    );
    expect(filesToRunAgain(first)).toEqual({
      paths: [`test/${project}/a.test.ts`, `test/${project}/b.test.ts`],
      tooMany: 0,
    });
  });

  it.each(["unit", "simulation", "chart", "contract in memory"])("nothing of %s", (project) => {
    const first = report({ ...file("any/a", { one: "failed" }), project });
    expect(filesToRunAgain(first)).toEqual({ paths: [], tooMany: 0 });
  });

  it("nothing where more files fail than chance explains", () => {
    const failed = (count: number) =>
      report(...Array.from({ length: count }, (_, n) => file(`fault/${n}`, { one: "failed" })));
    expect(filesToRunAgain(failed(MOST_FILES_AGAIN)).paths).toHaveLength(MOST_FILES_AGAIN);
    expect(filesToRunAgain(failed(MOST_FILES_AGAIN + 1))).toEqual({
      paths: [],
      tooMany: MOST_FILES_AGAIN + 1,
    });
  });
});

describe("the verdict of two runs", () => {
  const unit = file("unit/u", { one: "passed", two: "failed" });
  it("counts the second run of a file, and names what passed only there", () => {
    const first = report(unit, file("fault/a", { one: "passed", two: "failed", three: "failed" }));
    const again = report(file("fault/a", { one: "passed", two: "passed", three: "failed" }));
    expect(verdict(first, again)).toEqual({
      passed: 3,
      failed: 2,
      skipped: 0,
      onlyAgain: ["test/fault/a.test.ts > two"],
      failures: ["test/unit/u.test.ts > two", "test/fault/a.test.ts > three"],
    });
  });

  it("fails for what passed first and failed then", () => {
    const first = report(file("fault/a", { one: "passed", two: "failed" }));
    const again = report(file("fault/a", { one: "failed", two: "passed" }));
    expect(verdict(first, again)).toMatchObject({ passed: 1, failed: 1 });
  });

  it("names a file that could be set up only then", () => {
    const first = report(file("fault/a", { one: "skipped", two: "skipped" }, true));
    expect(verdict(first, undefined)).toMatchObject({
      passed: 0,
      failed: 1,
      skipped: 2,
      failures: ["test/fault/a.test.ts (its set-up)"],
    });
    const again = report(file("fault/a", { one: "passed", two: "skipped" }));
    expect(verdict(first, again)).toEqual({
      passed: 1,
      failed: 0,
      skipped: 1,
      onlyAgain: ["test/fault/a.test.ts (its set-up)"],
      failures: [],
    });
  });

  it("keeps what the first run found where the second has nothing to say", () => {
    const first = report(file("fault/a", { one: "passed", two: "failed" }));
    for (const again of [report(), report(file("fault/a", {}, true))]) {
      expect(verdict(first, again)).toMatchObject({ passed: 1, failed: 1, onlyAgain: [] });
    }
  });

  it("forgives no error outside of the tests, in either run", () => {
    const first = { ...report(file("fault/a", { one: "failed" })), strayErrors: 1 };
    const again = { ...report(file("fault/a", { one: "passed" })), strayErrors: 2 };
    expect(verdict(first, again)).toMatchObject({ passed: 1, failed: 3 });
  });
});

describe("the script", () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  /** Runs it over files of another project than ours. */
  function run(files: Readonly<Record<string, string>>) {
    const folder = mkdtempSync(join(tmpdir(), "ecs-run-again-"));
    folders.push(folder);
    const projects = ["unit", "fault"].map((name) => ({
      test: { name, globals: true, include: [`test/${name}/*.test.mjs`] },
    }));
    const config = `export default { test: { projects: ${JSON.stringify(projects)} } };`;
    for (const [path, text] of Object.entries({ ...files, "vitest.config.mjs": config })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const script = fileURLToPath(new URL("../../../scripts/test.mjs", import.meta.url));
    // A vitest in a vitest would take its settings from the outer one.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST_REPORT)/.test(name)),
    );
    const ran = spawnSync(process.execPath, [script, "--root", folder, "test/"], {
      cwd: folder,
      encoding: "utf8",
      env,
    });
    return { status: ran.status, lines: ran.stdout.trimEnd().split("\n") };
  }

  const ONCE = `
    import { existsSync, writeFileSync } from "node:fs";
    const mark = new URL("mark", import.meta.url);
    const again = existsSync(mark);
    writeFileSync(mark, "");`;
  const FIRST_ONLY = `${ONCE} it("comes late", () => { if (!again) throw new Error("too late"); });`;

  it("passes with a list of what passed only when run again, right before the last line", () => {
    const { status, lines } = run({
      "test/unit/u.test.mjs": `it("is sure", () => undefined);`,
      "test/fault/f.test.mjs": `${FIRST_ONLY} it("passes", () => undefined);`,
    });
    expect(lines.slice(-4)).toEqual([
      "passed only when run again: 1",
      "  test/fault/f.test.mjs > comes late",
      "",
      "3 passed, 0 failed",
    ]);
    expect(status).toBe(0);
  }, 60_000);

  it("fails for a test that fails twice, and for one of a unit that would pass then", () => {
    const { status, lines } = run({
      "test/unit/u.test.mjs": FIRST_ONLY,
      "test/fault/f.test.mjs": `it("is wrong", () => { throw new Error("wrong"); });`,
    });
    // In the order in which the files ended.
    expect(lines.slice(-4, -2).toSorted()).toEqual([
      "  test/fault/f.test.mjs > is wrong",
      "  test/unit/u.test.mjs > comes late",
    ]);
    expect([lines.at(-5), ...lines.slice(-2)]).toEqual(["failed: 2", "", "0 passed, 2 failed"]);
    expect(lines.join("\n")).not.toContain("only when run again");
    expect(status).toBe(1);
  }, 60_000);
});
