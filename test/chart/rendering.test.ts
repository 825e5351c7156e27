import { describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { CASES, chartFile, documentsOf, lint, notes, template } from "./helm.ts";

describe("the chart", () => {
  it.each(["helm3", "helm4"] as const)(
    "passes the strict lint of %s as it stands",
    async (helm) => {
      expect(await lint(helm)).toContain("0 chart(s) failed");
    },
  );

  it("has the worker's version", () => {
    expect(chartFile("Chart.yaml")).toContain(`appVersion: "${manifest.version}"`);
  });
});

describe.each(CASES)("installed with %s-values.yaml", (name) => {
  it.each(["helm3", "helm4"] as const)("passes the strict lint of %s", async (helm) => {
    expect(await lint(helm, name)).toContain("0 chart(s) failed");
  });

  it("renders what it rendered before", async () => {
    await expect(forReading(await template("helm4", name))).toMatchFileSnapshot(
      `snapshots/${name}.yaml.snap`,
    );
  });

  it("renders the same with Helm 3 and 4", async () => {
    const [three, four] = await Promise.all([template("helm3", name), template("helm4", name)]);
    expect(documentsOf(three)).toEqual(documentsOf(four));
  });

  it("tells afterwards how to look at it", async () => {
    await expect(withoutVersion(await notes(name))).toMatchFileSnapshot(
      `snapshots/${name}.notes.txt`,
    );
  });
});

/** Without what changes with each release, and without the dashboard, which has a test of its own. */
function forReading(rendered: string): string {
  return withoutVersion(rendered).replace(
    /( {2}ecs-reinstall-worker\.json: \|-\n)(?: {4}.*\n)+/,
    "$1    (files/dashboard.json)\n",
  );
}

function withoutVersion(text: string): string {
  return text.replaceAll(manifest.version, "VERSION");
}
