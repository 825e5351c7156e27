import { load } from "js-yaml";
import { describe, expect, it } from "vitest";
import { chartSchema } from "../../scripts/generate-chart-settings.ts";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblems } from "../../src/config/problem.ts";
import { chartFile, documents, environmentOf, only, template } from "./helm.ts";

type Tree = { readonly [key: string]: unknown };
interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
}

const schema = JSON.parse(chartFile("values.schema.json")) as Schema;
const values = load(chartFile("values.yaml")) as Tree;

describe("the values schema", () => {
  it("knows every value of values.yaml, and no other", () => {
    const known = closedKeys(schema).filter((key) => !/^(config|brakes)\./.test(key));
    const here = keysAsIn(schema, values);
    // Helm gives `global` to a chart that is part of another; the keys of `ca` exclude each other.
    const extra = ["global", "cloud.ca.configMap", "cloud.ca.secret", "cloud.ca.key"];
    expect([...known].sort()).toEqual(
      [...here, ...extra, "resources.claims"].sort().filter((key) => key !== ""),
    );
  });

  it("takes every variable of the worker that the chart does not set itself, every setting of the brakes, and no secret", () => {
    expect(chartFile("values.schema.json"), "run: npx tsx scripts/generate-chart-settings.ts").toBe(
      chartSchema(),
    );
    expect(Object.keys(schema.properties?.["config"]?.properties ?? {})).not.toContain(
      "ECS_SECRET_KEY",
    );
    expect(Object.keys(schema.properties?.["brakes"]?.properties ?? {})).toContain("maxRunning");
  });

  it.each([
    ["a setting that does not exist", "config.PREFETHC=3", "PREFETHC"],
    ["a brake that does not exist", "brakes.maxRuning=3", "maxRuning"],
    ["a secret among the settings", "config.ECS_SECRET_KEY=abc", "ECS_SECRET_KEY"],
    ["a value that does not exist", "amqp.uri=abc", "uri"],
    ["no workers at least for KEDA", "keda.minReplicaCount=0", "minReplicaCount"],
    ["a project that is none", "cloud.projects={abc}", "projects"],
    ["a privileged port", "http.port=80", "port"],
    ["a number as text", "replicaCount=two", "replicaCount"],
    ["a probe of another kind", "livenessProbe.exec.command={true}", "livenessProbe"],
  ])("refuses %s", async (_what, setting, told) => {
    for (const helm of ["helm3", "helm4"] as const) {
      await expect(template(helm, "minimal", [setting])).rejects.toThrow(told);
    }
  });
});

describe("values that do not fit together", () => {
  it.each([
    ["amqp.existingSecret=", "amqp.existingSecret is missing"],
    ["amqp.url=amqp://b", "amqp.existingSecret and amqp.url exclude each other"],
    ["amqp.tls.certKey=tls.crt", "amqp.tls.certKey and amqp.tls.keyKey go together"],
    ["cloud.projects=null", "cloud.projects is missing"],
    ["cloud.credentials.existingSecret=", "cloud.credentials.existingSecret is missing"],
    ["cloud.credentials.accessKey=a", "cloud.credentials.existingSecret excludes"],
    ["redis.url=redis://:secret@redis:6379", "redis.url holds a password"],
    ["redis.tls.existingSecret=tls", "needs a rediss:// URL"],
    ["terminationGracePeriodSeconds=25", "must be more than SHUTDOWN_GRACE_MS (25 s)"],
    ["config.SHUTDOWN_GRACE_MS=60000,terminationGracePeriodSeconds=60", "(60 s)"],
    ["podDisruptionBudget.minAvailable=1", "exactly one of maxUnavailable and minAvailable"],
    ["podMonitor.enabled=true,serviceMonitor.enabled=true", "scraped twice"],
    ["keda.enabled=true", "keda.prometheus.serverAddress is missing"],
    ["keda.enabled=true,keda.minReplicaCount=9,keda.prometheus.enabled=false", "not be more"],
    ["serviceMonitor.enabled=true,service.enabled=false", "needs service.enabled"],
    ["amqp.existingSecret=,amqp.host=b", "user and the password for amqp.host"],
    ["amqp.host=b,amqp.url=amqp://b", "amqp.host and amqp.url exclude each other"],
    ["amqp.management.existingSecret=m", "needs amqp.management.url"],
    ["amqp.vhost=ecs", "need amqp.host: of a URL they are parts"],
    ["amqp.scheme=amqps", "need amqp.host: of a URL they are parts"],
    ["amqp.host=b,amqp.tls.existingSecret=tls", "needs amqp.scheme amqps"],
    ["redis.usernameKey=user", "redis.usernameKey needs redis.existingSecret"],
    ["redis.sentinelPasswordKey=password", "redis.sentinelPasswordKey needs redis.existingSecret"],
    ["redis.sentinel.hosts={s:26379}", "redis.sentinel.hosts and redis.sentinel.name go together"],
    ["redis.sentinel.name=ecs", "redis.sentinel.hosts and redis.sentinel.name go together"],
    ["redis.sentinel.tls.existingSecret=tls", "redis.sentinel.tls.existingSecret needs a rediss"],
    [
      "redis.sentinel.hosts={s:26379},redis.sentinel.name=ecs,config.REDIS_SENTINEL_NAME=ecs",
      "say the same thing",
    ],
    [
      "redis.sentinel.hosts={s:26379},redis.sentinel.name=ecs,redis.cluster.nodes={n:6379}",
      "redis.cluster.nodes and redis.sentinel.hosts exclude each other",
    ],
    ["prometheusRule.enabled=true", "prometheusRule.enabled needs something that scrapes"],
    ["podDisruptionBudget.maxUnavailable=0", "maxUnavailable 0 lets no node be drained"],
    [
      "podDisruptionBudget.maxUnavailable=null,podDisruptionBudget.minAvailable=2",
      "minAvailable 2 lets no node be drained: 2 worker(s)",
    ],
    [
      "podDisruptionBudget.maxUnavailable=null,podDisruptionBudget.minAvailable=51%",
      "minAvailable 51% lets no node be drained",
    ],
    [
      "replicaCount=1,podDisruptionBudget.maxUnavailable=null,podDisruptionBudget.minAvailable=1",
      "1 worker(s) run at the least",
    ],
    [
      "brakes.maxRunning=3,config.BRAKES_MAX_RUNNING=3",
      "brakes.maxRunning and config.BRAKES_MAX_RUNNING say the same thing",
    ],
    ["config.ECS_PROXY=true", "networkPolicy.egress.proxy.ports is missing"],
    [
      "amqp.host=a\\,b,keda.enabled=true,keda.prometheus.enabled=false",
      "keda.rabbitmq.existingSecret is missing",
    ],
    [
      "keda.enabled=true,keda.prometheus.enabled=false,keda.rabbitmq.tls.certKey=tls.crt",
      "keda.rabbitmq.tls.certKey and keda.rabbitmq.tls.keyKey go together",
    ],
  ])("are refused: %s", async (settings, told) => {
    await expect(template("helm4", "minimal", [settings])).rejects.toThrow(told);
  });

  it.each([
    "prometheusRule.enabled=true,podMonitor.enabled=true",
    'prometheusRule.enabled=true,prometheusRule.selector=job="worker"',
    "podDisruptionBudget.maxUnavailable=null,podDisruptionBudget.minAvailable=50%",
    "podDisruptionBudget.maxUnavailable=null,podDisruptionBudget.minAvailable=1",
    "replicaCount=0,podDisruptionBudget.maxUnavailable=null,podDisruptionBudget.minAvailable=1",
    "config.ECS_PROXY=true,networkPolicy.egress.proxy.ports={3128}",
    "config.ECS_PROXY=true,networkPolicy.enabled=false",
  ])("are taken where they do: %s", async (settings) => {
    await expect(template("helm4", "minimal", [settings])).resolves.toContain("kind: Deployment");
  });

  it("are told all at once", async () => {
    const refused = template("helm4", "minimal", ["amqp.existingSecret=,cloud.projects=null"]);
    await expect(refused).rejects.toThrow(/amqp\.existingSecret is missing[^]*cloud\.projects/);
  });
});

describe("a value", () => {
  it("of the brakes is its variable of the worker, whose configuration it passes", async () => {
    const settings = [
      "brakes.maxRunning=20,brakes.cooldownMs=2592000000,brakes.stormShare=0.25,brakes.paused=true",
      "brakes.approval={db,web},brakes.allow=marked,brakes.overridable={}",
      "brakes.windows[0].rule=deny,brakes.windows[0].zone=Europe/Paris,brakes.windows[0].from=2026-12-20",
    ];
    const deployment = only(await documents("minimal", settings), "Deployment");
    const environment = environmentOf(deployment);
    const brakes = Object.fromEntries(
      Object.entries(environment).filter(([name]) => name.startsWith("BRAKES_")),
    );
    expect(brakes).toEqual({
      BRAKES_MAX_RUNNING: "20",
      BRAKES_COOLDOWN_MS: "2592000000",
      BRAKES_STORM_SHARE: "0.25",
      BRAKES_PAUSED: "true",
      BRAKES_APPROVAL: "db,web",
      BRAKES_ALLOW: "marked",
      BRAKES_OVERRIDABLE: "[]",
      BRAKES_WINDOWS: '[{"from":"2026-12-20","rule":"deny","zone":"Europe/Paris"}]',
    });
    const worker = {
      ...(brakes as Record<string, string>),
      ECS_PROJECTS: "0123456789abcdef0123456789abcdef",
      ECS_ACCESS_KEY: "AK",
      ECS_SECRET_KEY: "SK",
    };
    const loaded = loadConfig(worker);
    if (loaded.kind === "invalid") throw new Error(formatProblems(loaded.problems));
    expect(loaded.config.brakes).toMatchObject({
      maxRunning: 20,
      cooldownMs: 2_592_000_000,
      approval: ["db", "web"],
      overridable: [],
      windows: [{ rule: "deny", zone: "Europe/Paris", from: "2026-12-20" }],
    });
  });

  it.each([
    ["replicaCount=2", "1"],
    ["replicaCount=1", undefined],
    ["replicaCount=1,updateStrategy.rollingUpdate.maxSurge=200%", "1"],
    ["replicaCount=9,config.ECS_AUTH_BREAKER_FAILURES=2", "2"],
  ])(
    "%s makes ECS_AUTH_BREAKER_FAILURES %s: more than five refusals lock the key",
    async (settings, limit) => {
      const deployment = only(await documents("minimal", [settings]), "Deployment");
      expect(environmentOf(deployment)["ECS_AUTH_BREAKER_FAILURES"]).toBe(limit);
    },
  );

  it("that is a large number or a fraction is written out", async () => {
    const deployment = only(await documents("full"), "Deployment");
    expect(environmentOf(deployment)).toMatchObject({
      DEDUP_TTL_MS: "1209600000",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
    });
  });
});

/** Paths of everything that closed objects of the schema allow. */
function closedKeys({ properties = {} }: Schema, above = ""): string[] {
  return Object.entries(properties).flatMap(([key, below]) =>
    below.additionalProperties === false && below.properties !== undefined
      ? closedKeys(below, `${above}${key}.`)
      : [`${above}${key}`],
  );
}

/** The same for values: into an object as far as the schema closes it. */
function keysAsIn({ properties = {} }: Schema, tree: Tree, above = ""): string[] {
  return Object.entries(tree).flatMap(([key, value]) => {
    const below = properties[key];
    const closed = below?.additionalProperties === false && below.properties !== undefined;
    return closed && typeof value === "object" && value !== null
      ? keysAsIn(below, value as Tree, `${above}${key}.`)
      : [`${above}${key}`];
  });
}
