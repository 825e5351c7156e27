import { load } from "js-yaml";
import { describe, expect, it } from "vitest";
import { mustBeThere, type ValueSchema } from "../../scripts/generate-chart-settings.ts";
import { chartFile, template } from "./helm.ts";

/*
 * Helm deletes what a values file sets to null: then not even the default is there. Either the schema names such a value, or
 * it is as empty as its default.
 */

interface Value {
  readonly path: string;
  readonly isSection: boolean;
  readonly isNeeded: boolean;
  readonly byDefault: unknown;
}

const HELMS = ["helm3", "helm4"] as const;
const ALL = valuesOf(JSON.parse(chartFile("values.schema.json")) as ValueSchema, {
  ...(load(chartFile("values.yaml")) as object),
});
/** Everything that may be on together, so that no template is left out. */
const FEATURES = [
  "keda.enabled=true,keda.prometheus.serverAddress=http://prometheus:9090",
  "podMonitor.enabled=true,prometheusRule.enabled=true,dashboard.enabled=true",
  "config.READY_PROBE=tcp:22,tracing.endpoint=http://collector:4318",
];

const TOPOLOGY = [
  "topology.enabled=true,topology.cluster.name=rabbitmq,amqp.host=rabbitmq,amqp.vhost=ecs",
  "amqp.existingSecret=ecs-ecs-reinstall-worker-user-credentials",
];

describe.each(HELMS)("a value that is set to null (%s)", (helm) => {
  it.each([
    ["a section of its own", (one: Value) => one.isSection && !one.path.includes(".")],
    ["a section in another", (one: Value) => one.isSection && one.path.includes(".")],
    ["a value", (one: Value) => !one.isSection],
  ])("is named where it is needed: %s", async (_what, isMeant) => {
    const needed = ALL.filter((one) => one.isNeeded && isMeant(one)).map(({ path }) => path);
    const leaves = needed.filter((path) => !needed.some((one) => path.startsWith(`${one}.`)));
    expect(leaves.length).toBeGreaterThan(5);
    const refused: unknown = await template(helm, "minimal", [nulls(leaves)]).catch((e) => e);
    const named = missing(String(refused));
    expect(leaves.filter((path) => !named.includes(path))).toEqual([]);
  });

  it.each([
    ["minimal", FEATURES],
    ["minimal", TOPOLOGY],
    ["simulated", []],
  ] as const)(
    "is as empty as its default where it is not (%s-values.yaml, %j)",
    async (name, features) => {
      const own = load(chartFile(`ci/${name}-values.yaml`)) as object;
      const isGiven = (path: string) =>
        features.some((one) => one.includes(`${path}=`)) || get(own, path) !== undefined;
      const empty = ALL.filter((one) => !one.isNeeded && !isFilled(one.byDefault))
        .map(({ path }) => path)
        .filter((path) => !isGiven(path) && path !== "config");
      expect(empty.length).toBeGreaterThan(100);
      expect(await template(helm, name, [...features, nulls(empty)])).toBe(
        await template(helm, name, features),
      );
    },
  );

  it("is left out where its default is something that one may do without", async () => {
    const filled = ALL.filter((one) => !one.isNeeded && isFilled(one.byDefault));
    const paths = filled
      .map(({ path }) => path)
      .filter((path) => !path.startsWith("podDisruption"));
    expect(paths).toEqual(expect.arrayContaining(["resources", "securityContext"]));
    const rendered = await template(helm, "minimal", [...FEATURES, nulls(paths)]);
    expect(rendered).toContain("kind: Deployment");
    expect(rendered).not.toMatch(/: null$|<no value>|%!/m);
  });
});

const nulls = (paths: readonly string[]) => paths.map((path) => `${path}=null`).join(",");

/** `at '/a/b': missing properties 'c', 'd'` of Helm 4, `a.b: c is required` of Helm 3. */
function missing(said: string): readonly string[] {
  return said.split("\n").flatMap((line) => {
    const [, at, names] = /at '([^']*)': missing propert(?:y|ies) (.*)$/.exec(line) ?? [];
    const [, above, name] = /^- (\S+): (\S+) is required$/.exec(line) ?? [];
    if (above !== undefined) return [above === "(root)" ? `${name}` : `${above}.${name}`];
    const path = (at ?? "").slice(1).replaceAll("/", ".");
    return [...(names ?? "").matchAll(/'([^']+)'/g)].map(([, one]) =>
      `${path}.${one}`.replace(/^\./, ""),
    );
  });
}

function isTree(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isFilled(value: unknown): boolean {
  return typeof value === "object" && value !== null
    ? Object.keys(value).length > 0
    : Boolean(value);
}

function get(tree: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (at, key) => (isTree(at) ? new Map(Object.entries(at)).get(key) : undefined),
      tree,
    );
}

function valuesOf({ properties = {} }: ValueSchema, values: object, above = ""): readonly Value[] {
  return Object.entries(values).flatMap(([name, byDefault]) => {
    const schema = properties[name];
    if (schema === undefined || schema === false) return [];
    const path = `${above}${name}`;
    const isNeeded = mustBeThere(schema, byDefault);
    const isSection = isNeeded && schema.properties !== undefined && isTree(byDefault);
    const below = isSection ? valuesOf(schema, byDefault, `${path}.`) : [];
    return [{ path, isSection, isNeeded, byDefault }, ...below];
  });
}
