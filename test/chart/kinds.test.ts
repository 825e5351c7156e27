import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { CASES, type Document, documents, ROOT } from "./helm.ts";
import { isOfKubernetes, MINORS, wrongFor } from "./kubernetes-fields.ts";
import { isOfTheOperator, wrongForTheOperator } from "./rabbitmq-kinds.ts";

/*
 * Everything rendered against the types of Kubernetes, the Prometheus operator and KEDA, custom resources included. Three
 * judges, for each sees what the others do not: the compiler finds fields that do not exist, the validators made from
 * the schemas find what is missing, and values and patterns that do not fit; the fields of the three newest minors of
 * Kubernetes, one by one, find what only some of them have.
 */

describe.each(CASES)("rendered with %s-values.yaml", (name) => {
  it("has only kinds and fields that exist", async () => {
    const all = (await documents(name)).filter((one) => !isOfTheOperator(one));
    expect(await compiled(name, all.map(asTypeScript))).toBe("");
  });

  it.each(MINORS)("has only fields that Kubernetes %s has", async (minor) => {
    const own = (await documents(name)).filter(isOfKubernetes);
    expect(own.length).toBeGreaterThan(0);
    expect(own.flatMap((document) => wrongFor(minor, document))).toEqual([]);
  });

  it("has only kinds that one of the judges knows", async () => {
    const strangers = (await documents(name)).filter(
      (document) =>
        !isOfKubernetes(document) && !isOfTheOperator(document) && !isCustom(document.apiVersion),
    );
    expect(strangers).toEqual([]);
  });

  it("passes the validators of its kinds", async () => {
    for (const document of await documents(name)) {
      if (isOfTheOperator(document)) {
        expect(wrongForTheOperator(document)).toEqual([]);
        continue;
      }
      const module = (await import(moduleOf(document))) as Record<string, Model>;
      const Kind = module[document.kind];
      if (Kind === undefined) throw new Error(`no schema of ${document.kind}`);
      expect(() => new Kind(document).validate(), document.kind).not.toThrow();
    }
  });
});

it("the upgrade page names the minors", () => {
  const [oldest, middle, newest] = MINORS;
  expect(readFileSync(join(ROOT, "docs/upgrade.md"), "utf8")).toContain(
    `the fields of ${oldest}, ${middle} and ${newest}`,
  );
});

describe("the judges", () => {
  it("do see a field that does not exist, deep inside", async () => {
    const [first, ...rest] = await documents("minimal");
    const wrong = { ...first, spec: { ...first?.spec, podSelektor: {} } } as Document;
    expect(await compiled("wrong-field", [wrong, ...rest].map(asTypeScript))).toContain(
      "podSelektor",
    );
  });

  it("do see what an older Kubernetes does not have, a wrong type, and a map's values", async () => {
    const document = (spec: Document["spec"]): Document => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "x", namespace: "ops", labels: {} },
      spec,
    });
    const [oldest = "", , newest = ""] = MINORS;
    const since = document({ evictionResponders: [{ name: "x", priority: 1 }] });
    expect(wrongFor(newest, since)).toEqual([]);
    expect(wrongFor(oldest, since)).toEqual(["v1 Pod x: spec.evictionResponders does not exist"]);
    const types = document({
      nodeSelector: { disk: 1 },
      containers: [
        { ports: [{ containerPort: "80" }], resources: { limits: { cpu: 1, memory: "1Gi" } } },
      ],
      tolerations: "none",
    });
    expect(wrongFor(newest, types)).toEqual([
      "v1 Pod x: spec.nodeSelector.* is no string",
      "v1 Pod x: spec.containers[].ports[].containerPort is no number",
      "v1 Pod x: spec.tolerations is a string, or does not exist",
    ]);
  });

  it("do see a value that does not fit", async () => {
    const module = moduleOf({ apiVersion: "keda.sh/v1alpha1" });
    const { ScaledObject } = (await import(module)) as { ScaledObject: Model };
    const wrong = { metadata: { name: "x" }, spec: { scaleTargetRef: {}, triggers: "none" } };
    expect(() => new ScaledObject(wrong).validate()).toThrow("triggers");
  });
});

type Model = new (document: unknown) => { validate(): void };

const run = promisify(execFile);

const isCustom = (apiVersion: string) => /^(monitoring\.coreos\.com|keda\.sh)\//.test(apiVersion);

function moduleOf({ apiVersion }: Pick<Document, "apiVersion">): string {
  const [group = ""] = apiVersion.split("/");
  if (group === "monitoring.coreos.com") {
    return `@kubernetes-models/prometheus-operator/${apiVersion}`;
  }
  if (group === "keda.sh") return `@kubernetes-models/keda/${apiVersion}`;
  return `kubernetes-models/${apiVersion}`;
}

/** As an object literal, in which the compiler refuses fields that the type does not have. */
function asTypeScript(document: Document, index: number): string {
  const { kind } = document;
  return [
    `import type { I${kind} as Kind${index} } from "${moduleOf(document)}";`,
    `export const document${index}: Kind${index} = ${JSON.stringify(document, null, 1)};`,
  ].join("\n");
}

/** What the compiler has against it: empty when nothing. */
async function compiled(name: string, modules: readonly string[]): Promise<string> {
  // Inside the checkout, so that the packages are found.
  const folder = join(ROOT, ".cache/chart-kinds", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const options = {
    compilerOptions: {
      noEmit: true,
      strict: true,
      skipLibCheck: true,
      types: [],
      target: "es2023",
      module: "nodenext",
      moduleDetection: "force",
    },
    include: ["*.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(options));
  for (const [index, text] of modules.entries()) {
    writeFileSync(join(folder, `document-${index}.ts`), text);
  }
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  return run(process.execPath, [tsc, "-p", folder, "--pretty", "false"], { cwd: ROOT }).then(
    () => "",
    (error: { stdout: string }) => error.stdout,
  );
}
