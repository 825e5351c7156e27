import { describe, expect, it } from "vitest";
import { documents, only } from "./helm.ts";

interface EgressRule {
  readonly ports: readonly { readonly port: number; readonly protocol: string }[];
  readonly to?: readonly {
    readonly ipBlock?: { readonly cidr: string; readonly except: string[] };
  }[];
}

async function egress(name: string, settings: readonly string[] = []) {
  const { spec } = only(await documents(name, settings), "NetworkPolicy");
  return spec["egress"] as readonly EgressRule[];
}

/** TCP ports of each rule in their order: DNS, broker, Redis, cloud, and what there is besides. */
async function ports(name: string, settings: readonly string[] = []): Promise<number[][]> {
  const tcp = (rule: EgressRule) => rule.ports.filter(({ protocol }) => protocol === "TCP");
  return (await egress(name, settings)).map((rule) => tcp(rule).map(({ port }) => port));
}

describe("the network policy", () => {
  it.each<[string, string, number[][]]>([
    ["nothing said", "", [[53], [5672, 5671], [6379], [443]]],
    ["a Redis over TLS", "redis.url=rediss://r:6380", [[53], [5672, 5671], [6380], [443]]],
    [
      "a Redis URL with user and database",
      "redis.url=redis://me@r:7001/3",
      [[53], [5672, 5671], [7001], [443]],
    ],
    [
      "a Redis with an IPv6 address",
      "redis.url=redis://[fd00::6]:6381",
      [[53], [5672, 5671], [6381], [443]],
    ],
    [
      "an IPv6 address without a port",
      "redis.url=redis://[fd00::6]",
      [[53], [5672, 5671], [6379], [443]],
    ],
    [
      "Sentinels",
      "redis.sentinel.hosts={a:26380,b},redis.sentinel.name=ecs",
      [[53], [5672, 5671], [6379, 26380, 26379], [443]],
    ],
    [
      "Sentinels as settings",
      "config.REDIS_SENTINEL_HOSTS=a:26379\\,b:26380,config.REDIS_SENTINEL_NAME=ecs",
      [[53], [5672, 5671], [6379, 26379, 26380], [443]],
    ],
    [
      "a Redis Cluster",
      "redis.cluster.nodes={a:7000,b:7001,c:7000}",
      [[53], [5672, 5671], [7000, 7001], [443]],
    ],
    ["a broker by host", "amqp.host=b", [[53], [5672], [6379], [443]]],
    ["a broker by host over TLS", "amqp.host=b,amqp.scheme=amqps", [[53], [5671], [6379], [443]]],
    ["a broker by host and port", "amqp.host=b,amqp.port=5673", [[53], [5673], [6379], [443]]],
    [
      "brokers by URL",
      "amqp.existingSecret=,amqp.url=amqps://u:p@a/v\\,amqp://u:p@b:5674/v",
      [[53], [5671, 5674], [6379], [443]],
    ],
    [
      "a cloud on ports of its own",
      "cloud.ecsEndpoint=https://ecs:8443,cloud.iamEndpoint=https://iam:9443/",
      [[53], [5672, 5671], [6379], [8443, 9443]],
    ],
    [
      "images too",
      "config.IMS_ENDPOINT=https://ims:7443",
      [[53], [5672, 5671], [6379], [443, 7443]],
    ],
    [
      "disks too",
      "config.EVS_ENDPOINT=https://evs:7444",
      [[53], [5672, 5671], [6379], [443, 7444]],
    ],
    [
      "a collector beside the worker",
      "tracing.endpoint=http://otel-collector:4318",
      [[53], [5672, 5671], [6379], [443], [4318]],
    ],
    [
      "a hosted collector",
      "tracing.endpoint=https://collector.example.com/otlp",
      [[53], [5672, 5671], [6379], [443], [443]],
    ],
    [
      "a proxy",
      "config.ECS_PROXY=true,extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=http://proxy:3128",
      [[53], [5672, 5671], [6379], [443], [3128]],
    ],
    [
      "a proxy that is said in small letters, by IPv6, without a port",
      "config.ECS_PROXY=true,extraEnv[0].name=https_proxy,extraEnv[0].value=http://[fd00::8]/",
      [[53], [5672, 5671], [6379], [443], [80]],
    ],
    [
      "a proxy that is not used",
      "extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=http://proxy:3128",
      [[53], [5672, 5671], [6379], [443]],
    ],
    [
      "servers that are asked whether they answer",
      "config.READY_PROBE=tcp:22",
      [[53], [5672, 5671], [6379], [443], [22]],
    ],
    [
      "servers that are asked over HTTP",
      "config.READY_PROBE=http:8080/healthz/v2",
      [[53], [5672, 5671], [6379], [443], [8080]],
    ],
    [
      "ports that somebody chose",
      "networkPolicy.egress.amqp.ports={1},networkPolicy.egress.redis.ports={2},networkPolicy.egress.https.ports={3}",
      [[53], [1], [2], [3]],
    ],
  ])("opens the ports that the settings lead to: %s", async (_what, settings, expected) => {
    expect(await ports("minimal", settings === "" ? [] : [settings])).toEqual(expected);
  });

  it("opens all of them together", async () => {
    expect(await ports("separate")).toEqual([
      [53],
      [5671],
      [6380, 26380],
      [8443, 443],
      [3128],
      [443],
      [15671],
    ]);
  });

  it("lets the cloud be reached by IPv4 and IPv6, and the node's metadata by neither", async () => {
    const blocks = (await egress("minimal"))[3]?.to?.map(({ ipBlock }) => ipBlock);
    expect(blocks).toEqual([
      { cidr: "0.0.0.0/0", except: ["169.254.169.254/32"] },
      { cidr: "::/0", except: ["fe80::a9fe:a9fe/128"] },
    ]);
  });
});

it("lets no link-local address be asked whether it answers, whatever the cloud names", async () => {
  const blocks = (await egress("minimal", ["config.READY_PROBE=tcp:22"]))[4]?.to?.map(
    ({ ipBlock }) => ipBlock,
  );
  expect(blocks).toEqual([
    { cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] },
    { cidr: "::/0", except: ["fe80::/10"] },
  ]);
});

describe("a port of its own for metrics and probes", () => {
  it("is the one that probes and monitors ask, and may be let in apart from the API", async () => {
    const name = "minimal";
    const settings = [
      "http.metricsPort=9090",
      "networkPolicy.ingress.metricsFrom[0].podSelector.matchLabels.app=prometheus",
      "podMonitor.enabled=true",
    ];
    const all = await documents(name, settings);
    const { spec } = only(all, "NetworkPolicy");
    const [api, metrics] = spec["ingress"] as { ports: { port: number }[]; from: object[] }[];
    expect(api?.ports.map(({ port }) => port)).toEqual([8080]);
    expect(metrics?.ports.map(({ port }) => port)).toEqual([9090]);
    expect(metrics?.from).toContainEqual({ podSelector: { matchLabels: { app: "prometheus" } } });
    expect(api?.from).not.toContainEqual({ podSelector: { matchLabels: { app: "prometheus" } } });
    const text = JSON.stringify(only(all, "Deployment"));
    expect(text).toContain('{"name":"METRICS_PORT","value":"9090"}');
    expect(text.match(/"port":"metrics"/g)).toHaveLength(3);
    expect(text).not.toContain('"port":"http"');
    expect(JSON.stringify(only(all, "PodMonitor"))).toContain('"port":"metrics"');
  });

  it("must differ from the other", async () => {
    await expect(documents("minimal", ["http.metricsPort=8080"])).rejects.toThrow(
      "http.metricsPort must differ from http.port",
    );
  });
});
