import { describe, expect, it } from "vitest";
import { type Document, documents, environmentOf, only, podOf, template } from "./helm.ts";

/*
 * What a person may write into a value that is a text: it arrives as it is, or the value is named. Never is it read as YAML or
 * as a template.
 */

const TEXTS = [
  "two\nlines: here",
  ` "quoted", 'too' and \\`,
  "{{ .Release.Name }}",
  "# no comment",
  "- no item",
  "*alias",
  "key: value",
  "null",
  "1e3",
  "é☃",
  "x".repeat(5000),
];

const labels = (all: readonly Document[], kind: string) => only(all, kind).metadata.labels;
const refusal = async (helm: "helm3" | "helm4", values: object, name = "minimal") =>
  String(await template(helm, name, [JSON.stringify(values)]).catch((error: unknown) => error));

describe("a text of the values", () => {
  it("arrives as it is, whatever it looks like", async () => {
    const annotations = Object.fromEntries(TEXTS.map((text, at) => [`example.com/${at}`, text]));
    const extraEnv = TEXTS.map((value, at) => ({ name: `TEXT_${at}`, value }));
    const oneLine = TEXTS.filter((text) => !text.includes("\n")).join(" ");
    const prometheusRule = { enabled: true, selector: `job=${JSON.stringify(oneLine)}` };
    const monitored = { podMonitor: { enabled: true }, prometheusRule };
    const values = { annotations, podAnnotations: annotations, extraEnv, ...monitored };
    const all = await documents("minimal", [JSON.stringify(values)]);
    const deployment = only(all, "Deployment");
    expect(deployment.metadata.annotations).toEqual(annotations);
    expect(environmentOf(deployment)).toMatchObject(
      Object.fromEntries(extraEnv.map(({ name, value }) => [name, value])),
    );
    const groups = only(all, "PrometheusRule").spec["groups"] as readonly { rules: unknown[] }[];
    const rules = groups.flatMap((group) => group.rules) as readonly { readonly expr: string }[];
    expect(rules.filter(({ expr }) => !expr.includes(prometheusRule.selector))).toEqual([]);
    expect(rules.length).toBeGreaterThan(40);
  });

  it("that looks like a number, or like a word of YAML, stays a text", async () => {
    const values = {
      nameOverride: "123",
      fullnameOverride: "on",
      priorityClassName: "123",
      schedulerName: "1e3",
      runtimeClassName: "true",
      amqp: { existingSecret: "123", urlKey: "1e3" },
      serviceAccount: { name: "null" },
    };
    const release = { name: "42", namespace: "1000" };
    const all = await documents("minimal", [JSON.stringify(values)], release);
    for (const { metadata } of all) {
      expect(metadata).toMatchObject({ name: expect.any(String), namespace: "1000" });
      expect(metadata.labels).toMatchObject({ "app.kubernetes.io/instance": "42" });
    }
    const { spec } = podOf(only(all, "Deployment"));
    expect(spec).toMatchObject({
      priorityClassName: "123",
      schedulerName: "1e3",
      runtimeClassName: "true",
      serviceAccountName: "null",
    });
    expect(spec.volumes[0]?.projected?.sources[0]).toEqual({
      secret: { name: "123", items: [{ key: "1e3", path: "amqp/url" }] },
    });
  });

  it.each(["helm3", "helm4"] as const)(
    "that cannot work is named, with the rule (%s)",
    async (helm) => {
      const bad = "two\nlines";
      const said = await refusal(helm, {
        image: { registry: bad, repository: "worker:1.0", tag: "  1.0" },
        amqp: { vhost: bad },
        redis: { url: "redis://redis:port" },
        priorityClassName: "{{ .Values.x }}",
        commonLabels: { team: bad },
        podLabels: { "two words": "x" },
        podAnnotations: { [bad]: "x" },
        prometheusRule: { selector: bad },
        extraEnv: [
          { name: "A B", value: "x" },
          { name: "NUMBER", value: 3 },
        ],
      });
      const paths = [
        "image/registry",
        "image/repository",
        "image/tag",
        "amqp/vhost",
        "redis/url",
        "priorityClassName",
        "commonLabels/team",
        "prometheusRule/selector",
        "extraEnv/0/name",
        "extraEnv/1/value",
      ].map((path) => (helm === "helm3" ? path.replaceAll("/", ".") : path));
      expect(paths.filter((path) => !said.includes(path))).toEqual([]);
    },
  );
});

describe("names", () => {
  it("of labels stand once: those of the object win, then those of the pods, then the common ones", async () => {
    const values = {
      commonLabels: { team: "all", tier: "common" },
      podLabels: { team: "pods" },
      service: { labels: { team: "service" } },
    };
    const all = await documents("minimal", [JSON.stringify(values)]);
    expect(labels(all, "Service")).toMatchObject({ team: "service", tier: "common" });
    expect(labels(all, "Deployment")).toMatchObject({ team: "all" });
    expect(podOf(only(all, "Deployment")).labels).toMatchObject({ team: "pods", tier: "common" });
  });

  it("that are taken, or that nothing has, are refused, all at once", async () => {
    const name = "app.kubernetes.io/name";
    const said = await refusal("helm4", {
      commonLabels: { [name]: "x" },
      service: { labels: { "helm.sh/chart": "x" } },
      podAnnotations: { "two\nlines": "x" },
      nodeSelector: { "two words": "x" },
      extraEnv: [{ name: "REDIS_URL", value: "redis://other" }],
      extraVolumes: [{ name: "secrets", emptyDir: {} }],
      extraContainers: [{ name: "worker", image: "x" }],
      prometheusRule: {
        disabled: ["EcsReinstalSwept"],
        severities: { EcsReinstallNone: "none" },
        alertLabels: { "a-b": "x" },
      },
      redis: { url: "redis://redis:99999" },
      config: { READY_PROBE: "icmp" },
    });
    for (const part of [
      `commonLabels has ${name}, which the chart sets itself`,
      "service.labels has helm.sh/chart, which the chart sets itself",
      'podAnnotations has the key "two\\nlines": Kubernetes takes',
      'nodeSelector has the key "two words"',
      'prometheusRule.alertLabels has the key "a-b": Prometheus takes',
      "extraEnv has REDIS_URL twice, or the chart has it already",
      "extraVolumes: the name secrets is taken",
      "extraContainers and initContainers: the name worker is taken",
      '"EcsReinstalSwept" is no alert of files/alerts.yaml',
      '"EcsReinstallNone" is no alert',
      "networkPolicy.egress.redis would open port 99999, which is none: look at the port in redis.url",
      "networkPolicy.egress.ready would open port 0",
    ]) {
      expect(said).toContain(part);
    }
  });

  it("that no Service may have are refused: the release's begins with a digit, or has a point", async () => {
    for (const name of ["1ecs", "my.ecs"]) {
      const release = { name, namespace: "ops" };
      await expect(template("helm4", "minimal", [], release)).rejects.toThrow("fullnameOverride");
    }
  });
});
