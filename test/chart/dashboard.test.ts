import { describe, expect, it } from "vitest";
import { CATALOGUE } from "../../src/observe/metrics/catalogue.ts";
import { chartFile, documents, only } from "./helm.ts";
import { unknownIn } from "./metric-names.ts";

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: {
    readonly h: number;
    readonly w: number;
    readonly x: number;
    readonly y: number;
  };
  readonly targets?: readonly { readonly expr: string }[];
}

const text = chartFile("files/dashboard.json");
const dashboard = JSON.parse(text) as {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly annotations: {
    readonly list: readonly { readonly name: string; readonly expr: string }[];
  };
  readonly templating: { readonly list: readonly { readonly name: string }[] };
};
const expressions = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ title, expr })),
);

describe("the dashboard", () => {
  it("uses metrics, labels and values that the worker has", () => {
    expect(
      expressions.flatMap(({ title, expr }) => unknownIn(expr).map((what) => [title, what])),
    ).toEqual([]);
  });

  it("shows every metric of the worker", () => {
    const shown = expressions.map(({ expr }) => expr).join("\n");
    const missing = Object.values(CATALOGUE).filter(({ name }) => !shown.includes(name));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it("asks for one release of one namespace", () => {
    for (const { title, expr } of expressions) {
      expect(expr, title).toContain('namespace="$namespace",job="$job"');
    }
  });

  it("uses only variables that it has", () => {
    const known = dashboard.templating.list.map(({ name }) => name);
    const used = [...text.matchAll(/\$\{?([a-z]\w*)/g)].map(([, name]) => name);
    expect(used.filter((name) => !known.includes(name ?? ""))).toEqual([]);
  });

  it("has panels with ids of their own that do not overlap", () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(dashboard.panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });

  it("begins with what somebody on call asks", () => {
    const [row, alerts] = dashboard.panels;
    expect(row).toMatchObject({ type: "row", title: "On call" });
    expect(alerts?.targets?.[0]?.expr).toContain("ALERTS{");
  });

  it("looks at the projects and pods that are chosen, wherever a metric has the label", () => {
    const labels = new Map(Object.values(CATALOGUE).map((spec) => [spec.name, spec.labels]));
    for (const { title, expr } of expressions) {
      for (const [, metric = "", matchers = ""] of expr.matchAll(
        /\b(ecs_reinstall_\w+)\{([^}]*)\}/g,
      )) {
        const name = metric.replace(/_(bucket|sum|count)$/, "");
        const of = labels.get(metric as never) ?? labels.get(name as never) ?? {};
        expect(matchers, title).toContain('pod=~"$pod"');
        expect([title, metric, matchers.includes('project=~"$project"')]).toEqual([
          title,
          metric,
          "project" in of,
        ]);
      }
    }
  });

  it("marks rollouts, pauses and storms, by what the worker has", () => {
    expect(dashboard.annotations.list.map(({ name }) => name)).toEqual([
      "Rollouts",
      "Pauses",
      "Storms",
    ]);
    expect(dashboard.annotations.list.flatMap(({ expr }) => unknownIn(expr))).toEqual([]);
  });

  it("arrives in the ConfigMap as it is, with the address of the runbooks", async () => {
    const { data } = only(await documents("full"), "ConfigMap");
    const arrived = JSON.parse(data?.["ecs-reinstall-worker.json"] ?? "") as typeof dashboard;
    const { templating, ...rest } = arrived;
    expect(rest).toEqual({ ...dashboard, templating: undefined });
    const differing = templating.list.filter(
      (one, index) => JSON.stringify(one) !== JSON.stringify(dashboard.templating.list[index]),
    );
    expect(differing).toMatchObject([
      {
        name: "runbooks",
        query: "https://git.example.com/ops/ecs-reinstall-worker/blob/main/docs/runbooks",
      },
    ]);
  });
});
