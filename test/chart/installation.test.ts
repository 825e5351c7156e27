import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { type Certificates, makeCertificates } from "../support/network/certificates.ts";
import { CASES, type Document, documents, environmentOf, only, podOf } from "./helm.ts";

const SECRETS = "/run/secrets/ecs-reinstall-worker";
/** Where ci/mounted-values.yaml has its secrets. */
const VAULT = "/vault/secrets/";

let certificates: Certificates;
beforeAll(async () => {
  certificates = await makeCertificates();
});
afterAll(() => certificates?.remove());

describe.each(CASES)("installed with %s-values.yaml", (name) => {
  let all: readonly Document[];
  let folder: string;

  beforeAll(async () => {
    all = await documents(name);
    folder = mkdtempSync(join(tmpdir(), "ecs-chart-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("gives the worker a configuration that it takes", () => {
    const deployment = only(all, "Deployment");
    const elsewhere = Object.values(environmentOf(deployment)).filter((one) =>
      one.startsWith(VAULT),
    );
    for (const path of [...mountedFiles(deployment), ...elsewhere.map((one) => `.${one}`)]) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), contentOf(path, environmentOf(deployment)));
    }
    const environment = Object.fromEntries(
      Object.entries(environmentOf(deployment)).map(([key, value]) => [
        key,
        value.startsWith(VAULT) ? join(folder, value) : value.replace(SECRETS, folder),
      ]),
    );
    expect(loadConfig({ ...environment, NODE_ENV: "production" }, 192e6)).toMatchObject({
      kind: "ok",
    });
  });

  it("names each mounted file in one variable", () => {
    const deployment = only(all, "Deployment");
    const files = Object.values(environmentOf(deployment)).filter((one) => one.startsWith(SECRETS));
    expect(files.sort()).toEqual(
      mountedFiles(deployment)
        .map((path) => `${SECRETS}/${path}`)
        .sort(),
    );
  });

  it("keeps secrets out of everything but Secrets", () => {
    const told = JSON.stringify(all.filter(({ kind }) => kind !== "Secret"));
    for (const secret of ["first-try-secret-key", "first-try-access-key", "guest:guest"]) {
      expect(told).not.toContain(secret);
    }
  });

  it("runs every pod under the restricted standard, without a token", () => {
    const pods = all.filter(({ kind }) => kind === "Deployment" || kind === "Pod").map(podOf);
    expect(pods.length).toBeGreaterThan(0);
    for (const { spec } of pods) {
      expect(spec.automountServiceAccountToken).toBe(false);
      expect(spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: "RuntimeDefault" },
      });
      for (const { securityContext } of [...spec.containers, ...(spec.initContainers ?? [])]) {
        expect(securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
      }
    }
    for (const account of all.filter(({ kind }) => kind === "ServiceAccount")) {
      expect(account).toMatchObject({ automountServiceAccountToken: false });
    }
  });

  it("ends a worker later than its own grace time", () => {
    const deployment = only(all, "Deployment");
    const graceMs = Number(environmentOf(deployment)["SHUTDOWN_GRACE_MS"] ?? 25_000);
    expect(podOf(deployment).spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(graceMs);
  });

  it("selects the workers, and not the test pod", () => {
    const worker = podOf(only(all, "Deployment")).labels;
    const tester = all.filter(({ kind }) => kind === "Pod").map(podOf);
    const selectors = all.filter(({ metadata }) => !isSimulator(metadata)).flatMap(selectorsOf);
    const simulated = all.filter(({ metadata }) => isSimulator(metadata)).flatMap(selectorsOf);
    for (const selector of simulated) expect(worker).not.toMatchObject(selector);
    expect(selectors.length).toBeGreaterThan(1);
    for (const selector of selectors) {
      expect(worker).toMatchObject(selector);
      for (const { labels } of tester) expect(labels).not.toMatchObject(selector);
    }
  });

  it("puts everything into the release's namespace, under a name of its own", () => {
    const strangers = all.filter(
      ({ kind, metadata }) => metadata.namespace !== "ops" && kind !== "ConfigMap",
    );
    expect(strangers).toEqual([]);
    const names = all.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("secrets", () => {
  it.each(CASES)(
    "are a folder of files that Kubernetes swaps, with %s-values.yaml",
    async (name) => {
      const deployment = only(await documents(name), "Deployment");
      expect(JSON.stringify(deployment)).not.toContain("subPath");
      const values = podOf(deployment).spec.containers.flatMap(({ env }) => env ?? []);
      const bySecret = values.filter((one) => JSON.stringify(one).includes("secretKeyRef"));
      // OpenTelemetry reads its headers from the environment and nowhere else.
      expect(bySecret.map((one) => one.name).filter((one) => !one.startsWith("OTEL_"))).toEqual([]);
    },
  );

  it("of a broker by host are the user and the password, as its operator's Secret has them", async () => {
    const environment = environmentOf(only(await documents("separate"), "Deployment"));
    expect(environment).toMatchObject({
      AMQP_HOST: "rabbitmq.broker.svc",
      AMQP_VHOST: "ecs",
      AMQP_SCHEME: "amqps",
      AMQP_USERNAME_FILE: `${SECRETS}/amqp/username`,
      AMQP_PASSWORD_FILE: `${SECRETS}/amqp/password`,
      REDIS_USERNAME_FILE: `${SECRETS}/redis/username`,
      REDIS_SENTINEL_USERNAME_FILE: `${SECRETS}/redis/sentinel-username`,
      REDIS_SENTINEL_TLS_CA_FILE: `${SECRETS}/redis/sentinel/tls-ca.pem`,
      REDIS_SENTINEL_HOSTS: "sentinel-0.data.svc:26380,sentinel-1.data.svc:26380",
    });
    expect(environment).not.toHaveProperty("AMQP_URL_FILE");
  });
});

describe("a new secret in the values", () => {
  it("brings new pods", async () => {
    const checksums = await Promise.all(
      ["one", "two"].map(async (password) => {
        const all = await documents("first-try", [`redis.password=${password}`]);
        const { metadata } = only(all, "Deployment").spec["template"] as Pick<Document, "metadata">;
        return metadata.annotations?.["checksum/secret"];
      }),
    );
    expect(checksums[0]).toBeDefined();
    expect(checksums[0]).not.toBe(checksums[1]);
  });
});

/** Paths below the secrets' folder. */
function mountedFiles(deployment: Document): string[] {
  return (podOf(deployment).spec.volumes ?? []).flatMap(({ projected }) =>
    (projected?.sources ?? []).flatMap((source) =>
      Object.values(source).flatMap(({ items }) => items.map(({ path }) => path)),
    ),
  );
}

function contentOf(path: string, environment: Readonly<Record<string, string>>): string {
  const scheme = "AMQP_TLS_CA_FILE" in environment ? "amqps" : "amqp";
  if (path === "amqp/url") return `${scheme}://user:password@broker/vhost`;
  if (!/\.(pem|crt|key)$/.test(path)) return "some-secret";
  const { caFile, certFile, keyFile } = certificates.client;
  return readFileSync(
    /tls[-.]key/.test(path) ? keyFile : /tls-cert|tls\.crt/.test(path) ? certFile : caFile,
    "utf8",
  );
}

/** The simulated cloud's own objects; objects of a platform need no labels. */
const isSimulator = ({ labels }: Partial<Document["metadata"]>) =>
  labels?.["app.kubernetes.io/component"] === "simulator";

/** Every label selector that is meant for the workers. */
function selectorsOf({ kind, spec }: Document): Readonly<Record<string, string>>[] {
  const { selector, podSelector } = (spec ?? {}) as {
    selector?: { matchLabels?: Record<string, string> };
    podSelector?: { matchLabels: Record<string, string> };
  };
  if (kind === "Service") return [selector as Record<string, string>];
  return [selector?.matchLabels, podSelector?.matchLabels].filter((one) => one !== undefined);
}
