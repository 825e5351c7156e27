import { load } from "js-yaml";
import { describe, expect, it } from "vitest";
import { chartReadme } from "../../scripts/generate-chart-readme.ts";
import { chartFile } from "./helm.ts";

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

function leavesOf(tree: unknown, above = ""): string[] {
  if (typeof tree !== "object" || tree === null || Array.isArray(tree)) return [above];
  const entries = Object.entries(tree);
  if (entries.length === 0) return [above];
  return entries.flatMap(([key, below]) => leavesOf(below, above === "" ? key : `${above}.${key}`));
}
