import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { describe, expect, it } from "vitest";
import { chartReadme } from "../../scripts/generate-chart-readme.ts";
import { chartFile, documents, only, ROOT, template } from "./helm.ts";

describe("the chart's README", () => {
  it("is made of its template and of values.yaml", () => {
    expect(chartFile("README.md"), "run: npx tsx scripts/generate-chart-readme.ts").toBe(
      chartReadme(),
    );
  });

  it("explains every value", () => {
    const explained = [...chartReadme().matchAll(/^\| `([\w.]+)` \|/gm)].map(([, path]) => path);
    const unexplained = leavesOf(load(chartFile("values.yaml"))).filter(
      (path) => !explained.some((one) => path === one || path.startsWith(`${one}.`)),
    );
    expect(unexplained).toEqual([]);
  });
});

describe("what the pages say of an installation", () => {
  const pages = ["docs", "helm/ecs-reinstall-worker", "examples"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".md"))
      .map((file) => join(folder, file)),
  );
  const found = (what: RegExp) =>
    pages.flatMap((page) =>
      [...readFileSync(join(ROOT, page), "utf8").matchAll(what)].map(([one]) => one),
    );

  it("names files of secrets where the chart mounts them", async () => {
    const named = found(/\/run\/secrets\/ecs-reinstall-worker\/[\w./-]+/g);
    const mounted = `${await template("helm4", "minimal")}${await template("helm4", "iam-user")}`;
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((path) => !mounted.includes(`"${path}"`))).toEqual([]);
  });

  it("names Deployments as a release of its name makes them", async () => {
    const named = [...new Set(found(/\bdeploy(?:ment)?\/[a-z][-a-z0-9]*/g))];
    const made = await Promise.all(
      ["ecs-reinstall", "try"].map(async (name) => {
        const all = await documents("minimal", [], { name, namespace: "ops" });
        return `deploy/${only(all, "Deployment").metadata.name}`;
      }),
    );
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((one) => !made.includes(one))).toEqual([]);
  });
});

function leavesOf(tree: unknown, above = ""): string[] {
  if (typeof tree !== "object" || tree === null || Array.isArray(tree)) return [above];
  const entries = Object.entries(tree);
  if (entries.length === 0) return [above];
  return entries.flatMap(([key, below]) => leavesOf(below, above === "" ? key : `${above}.${key}`));
}
