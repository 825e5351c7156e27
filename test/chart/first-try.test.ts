import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { load } from "js-yaml";
import { describe, expect, it } from "vitest";
import { DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY } from "../../src/simulator/defaults.ts";
import {
  type Document,
  documents,
  documentsOf,
  environmentOf,
  only,
  podOf,
  ROOT,
  template,
  tool,
} from "./helm.ts";

describe("a simulated cloud in the release", () => {
  it("is where the worker's requests go, with the credentials that it takes", async () => {
    const all = await documents("simulated");
    const worker = only(all, "Deployment");
    const {
      ECS_ENDPOINT: ecs,
      IAM_ENDPOINT: iam,
      UNSAFE_TEST_WINDOWS: unsafe,
    } = environmentOf(worker);
    const service = all.find(
      ({ kind, metadata }) => kind === "Service" && /simulator/.test(metadata.name),
    );
    expect([ecs, iam, unsafe]).toEqual([
      `http://${service?.metadata.name}:8090`,
      `http://${service?.metadata.name}:8090`,
      "true",
    ]);
    const data = only(all, "Secret").data ?? {};
    const plain = (key: string) => Buffer.from(data[key] ?? "", "base64").toString();
    expect([plain("access-key"), plain("secret-key")]).toEqual([
      DEFAULT_ACCESS_KEY,
      DEFAULT_SECRET_KEY,
    ]);
  });

  it("knows the project of the worker, and the network policy lets the worker reach it", async () => {
    const all = await documents("simulated");
    const [container] = podOf(only(all, "StatefulSet")).spec.containers as unknown as readonly {
      readonly args: readonly string[];
    }[];
    expect(container?.args).toContain("--project=0123456789abcdef0123456789abcdef");
    expect(JSON.stringify(only(all, "NetworkPolicy").spec)).toContain('"port":8090');
  });

  it.each([
    ["cloud.ecsEndpoint=https://ecs.example.com", "excludes cloud.ecsEndpoint"],
    ["cloud.credentials.existingSecret=cloud", "brings its own credentials"],
    ["cloud.credentials.folder=/vault", "brings its own credentials"],
    ["cloud.credentials.kind=iam-user", "brings its own credentials"],
    ["cloud.projects=null", "cloud.projects is missing"],
  ])("is refused beside a real one: %s", async (settings, message) => {
    await expect(template("helm4", "simulated", [settings])).rejects.toThrow(message);
  });
});

describe("secrets that something else mounts", () => {
  it("need no Secret, and no volume of the chart's", async () => {
    const all = await documents("mounted");
    expect(all.filter(({ kind }) => kind === "Secret")).toEqual([]);
    const worker = only(all, "Deployment");
    expect(podOf(worker).spec.volumes).toBeUndefined();
    expect(JSON.stringify(worker)).not.toContain("/run/secrets");
    expect(environmentOf(worker)).toMatchObject({
      AMQP_USERNAME_FILE: "/vault/secrets/amqp/username",
      AMQP_TLS_KEY_FILE: "/vault/secrets/amqp/tls.key",
      REDIS_PASSWORD_FILE: "/vault/secrets/redis/password",
      REDIS_TLS_CA_FILE: "/vault/secrets/redis/ca.crt",
      ECS_SECURITY_TOKEN_FILE: "/vault/secrets/cloud/security-token",
    });
  });

  it("can stand beside a Secret", async () => {
    const all = await documents("mounted", [
      "cloud.credentials.folder=,cloud.credentials.existingSecret=cloud",
    ]);
    const worker = only(all, "Deployment");
    expect(environmentOf(worker)).toMatchObject({
      REDIS_PASSWORD_FILE: "/vault/secrets/redis/password",
      ECS_ACCESS_KEY_FILE: "/run/secrets/ecs-reinstall-worker/cloud/access-key",
    });
    expect(podOf(worker).spec.volumes.map(({ name }) => name)).toEqual(["secrets"]);
  });

  it("are not expected in the test's pod: it sends no dry run then, and looks at nothing", async () => {
    const asked = (all: readonly Document[]) => {
      const { DRY_RUN, DOCTOR, REDIS_URL } = environmentOf(only(all, "Pod"));
      return [DRY_RUN, DOCTOR, REDIS_URL !== undefined];
    };
    expect(asked(await documents("mounted"))).toEqual([undefined, undefined, false]);
    expect(asked(await documents("minimal"))).toEqual(["true", "true", true]);
    const quiet = ["tests.doctor=false,tests.dryRun=false"];
    expect(asked(await documents("minimal", quiet))).toEqual([undefined, undefined, false]);
  });

  it.each([
    ["amqp.existingSecret=x", "amqp.existingSecret and amqp.folder exclude each other"],
    ["redis.password=x", "redis.folder and redis.password exclude each other"],
    ["redis.tls.existingSecret=x", "redis.tls.existingSecret and redis.tls.folder exclude"],
    ["cloud.credentials.accessKey=x", "cloud.credentials.folder excludes accessKey"],
    ["amqp.management.folder=/x", "amqp.management.folder needs amqp.management.url"],
    ["redis.url=redis://r", "redis.tls.existingSecret needs a rediss:// URL"],
    [
      "keda.enabled=true,keda.prometheus.enabled=false",
      "keda.rabbitmq.existingSecret is missing: KEDA does not see",
    ],
  ])("are refused where the values contradict: %s", async (settings, message) => {
    await expect(template("helm4", "mounted", [settings])).rejects.toThrow(message);
  });
});

describe("the examples", () => {
  const example = (path: string) => readFileSync(join(ROOT, "examples", path), "utf8");

  it.each(["kind", "external-secrets"])(
    "of %s give values that the chart takes",
    async (folder) => {
      expect(await rendered(join(ROOT, "examples", folder, "values.yaml"))).toContain(
        "kind: Deployment",
      );
    },
  );

  it("of Argo CD gives values that the chart takes, and no secret", async () => {
    const { spec } = load(example("argo-cd/application.yaml")) as {
      readonly spec: { readonly source: { readonly helm: { readonly valuesObject: object } } };
    };
    const values = spec.source.helm.valuesObject;
    const file = join(mkdtempSync(join(tmpdir(), "ecs-argo-")), "values.json");
    writeFileSync(file, JSON.stringify(values));
    const all = documentsOf(await rendered(file));
    expect(only(all, "PrometheusRule")).toBeDefined();
    expect(all.filter(({ kind }) => kind === "Secret")).toEqual([]);
  });

  it("of External Secrets makes the Secrets that its values name, with the keys that the chart takes", async () => {
    const made = documentsOf(example("external-secrets/secrets.yaml")).flatMap(({ spec }) => {
      const { target, data } = spec as {
        readonly target: { readonly name: string };
        readonly data: readonly { readonly secretKey: string }[];
      };
      return data.map(({ secretKey }) => `${target.name}/${secretKey}`);
    });
    const all = documentsOf(await rendered(join(ROOT, "examples/external-secrets/values.yaml")));
    const [volume] = podOf(only(all, "Deployment")).spec.volumes;
    const named = (volume?.projected?.sources ?? []).flatMap(({ secret }) =>
      (secret?.items ?? []).map(({ key }) => `${secret?.name}/${key}`),
    );
    expect(made.sort()).toEqual(named.sort());
  });
});

async function rendered(values: string): Promise<string> {
  const chart = join(ROOT, "helm/ecs-reinstall-worker");
  const args = ["template", "ecs", chart, "-n", "ops", "-f", values];
  return (await promisify(execFile)(await tool("helm4"), args, { maxBuffer: 64e6 })).stdout;
}
