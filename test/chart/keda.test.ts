import { describe, expect, it } from "vitest";
import { type Document, documents, environmentOf, only } from "./helm.ts";

type Parameter = { readonly parameter: string; readonly name: string; readonly key: string };

async function keda(name: string, settings: readonly string[] = []) {
  const all = await documents(name, settings);
  const [trigger] = only(all, "ScaledObject").spec["triggers"] as {
    readonly metadata: Readonly<Record<string, string>>;
  }[];
  const { spec } = only(all, "TriggerAuthentication");
  const from = Object.fromEntries(
    (spec["secretTargetRef"] as Parameter[]).map(({ parameter, name: secret, key }) => [
      parameter,
      `${secret}/${key}`,
    ]),
  );
  return { all, trigger: trigger?.metadata ?? {}, from };
}

/** What the chart's own Secret for KEDA says. */
function word(all: readonly Document[]): string | undefined {
  const secret = all.find(
    ({ kind, metadata }) => kind === "Secret" && metadata.name.endsWith("-keda"),
  );
  const { tls } = secret?.data ?? {};
  return tls === undefined ? undefined : Buffer.from(tls, "base64").toString();
}

const ENABLED = "keda.enabled=true,keda.prometheus.enabled=false";

describe("KEDA", () => {
  it("has the number of workers to itself, and never goes to none", async () => {
    const all = await documents("full");
    expect(only(all, "Deployment").spec).not.toHaveProperty("replicas");
    expect(only(all, "ScaledObject").spec["minReplicaCount"]).toBeGreaterThanOrEqual(1);
  });

  it("looks at the queue that the worker consumes", async () => {
    const { all, trigger } = await keda("iam-user");
    expect(trigger["queueName"]).toBe(
      environmentOf(only(all, "Deployment"))["AMQP_COMMANDS_QUEUE"],
    );
  });

  it("asks in plain text where the worker does", async () => {
    const { all, trigger, from } = await keda("minimal", [ENABLED]);
    expect(from).toEqual({ host: "ecs-reinstall-amqp/url" });
    expect(trigger).not.toHaveProperty("unsafeSsl");
    expect(word(all)).toBeUndefined();
  });

  it("asks by AMQP over TLS with what the worker has", async () => {
    const tls =
      "amqp.tls.existingSecret=broker-tls,amqp.tls.certKey=tls.crt,amqp.tls.keyKey=tls.key";
    const { all, from } = await keda("minimal", [`${ENABLED},${tls}`]);
    expect(from).toEqual({
      host: "ecs-reinstall-amqp/url",
      tls: "ecs-ecs-reinstall-worker-keda/tls",
      ca: "broker-tls/ca.crt",
      cert: "broker-tls/tls.crt",
      key: "broker-tls/tls.key",
    });
    expect(word(all)).toBe("enable");
  });

  it("asks the management API over HTTPS with what is said for it", async () => {
    const { all, trigger, from } = await keda("full");
    expect(trigger["protocol"]).toBe("http");
    expect(from).toEqual({
      host: "broker-management/http-url",
      tls: "reinstaller-keda/tls",
      ca: "broker-management-tls/ca.crt",
      cert: "broker-management-tls/tls.crt",
      key: "broker-management-tls/tls.key",
    });
    expect(word(all)).toBe("enable");
  });

  it("is given an authority alone, and is told not to check it, only when that is said", async () => {
    const tls = "keda.rabbitmq.tls.existingSecret=ca,keda.rabbitmq.tls.unsafeSsl=true";
    const { trigger, from } = await keda("minimal", [`${ENABLED},${tls}`]);
    expect(from).toMatchObject({ ca: "ca/ca.crt" });
    expect(Object.keys(from)).toEqual(["host", "tls", "ca"]);
    expect(trigger["unsafeSsl"]).toBe("true");
  });

  it("asks a broker that is given by host, with the same user and password", async () => {
    const { trigger, from } = await keda("separate");
    expect(trigger).toMatchObject({ host: "amqps://rabbitmq.broker.svc:5671", vhostName: "ecs" });
    expect(from).toMatchObject({
      username: "worker-user-credentials/username",
      password: "worker-user-credentials/password",
      ca: "broker-tls/ca.crt",
      cert: "broker-tls/tls.crt",
    });
    expect(from).not.toHaveProperty("host");
  });
});
