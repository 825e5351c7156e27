import { describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.ts";
import { maskedConfig } from "../../../src/config/masked.ts";
import { secretsOf } from "../../../src/config/secrets-of.ts";

const ENOUGH = {
  ECS_PROJECTS: "0123456789abcdef0123456789abcdef",
  ECS_ACCESS_KEY: "AK",
  ECS_SECRET_KEY: "hunter2-hunter2",
};
const ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT";

function load(env: Readonly<Record<string, string>>) {
  return loadConfig({ ...ENOUGH, ...env }, 512 * 1024 * 1024);
}

function config(env: Readonly<Record<string, string>>) {
  const loaded = load(env);
  if (loaded.kind === "invalid") throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}

function complaints(env: Readonly<Record<string, string>>) {
  const loaded = load(env);
  return loaded.kind === "ok" ? [] : loaded.problems.map(({ variable }) => variable);
}

describe("tracing", () => {
  it("is off without an endpoint, whatever else is set", () => {
    expect(config({}).tracing).toBeNull();
    expect(config({ [ENDPOINT]: "", OTEL_SERVICE_NAME: "x" }).tracing).toBeNull();
  });

  it("takes OpenTelemetry's own variables", () => {
    const { tracing } = config({
      [ENDPOINT]: "https://collector.example:4318/base/",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20abc%3D%3D, x-tenant=blue==",
      OTEL_SERVICE_NAME: "healer",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=lab,k8s.pod.name=p-1",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
    });
    expect(tracing).toMatchObject({
      endpoint: "https://collector.example:4318/base",
      serviceName: "healer",
      resourceAttributes: { "deployment.environment.name": "lab", "k8s.pod.name": "p-1" },
      sampleRatio: 0.25,
    });
    const headers = Object.entries(tracing?.headers ?? {}).map(([name, value]) => [name, value()]);
    expect(headers).toEqual([
      ["authorization", "Bearer abc=="],
      ["x-tenant", "blue=="],
    ]);
  });

  it("keeps the values of headers out of what is shown and logged", () => {
    const loaded = config({
      [ENDPOINT]: "http://c:4318",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20planted",
    });
    expect(JSON.stringify(maskedConfig(loaded))).not.toContain("planted");
    expect(secretsOf(loaded).map((secret) => secret())).toContain("Bearer planted");
  });

  it.each([
    [ENDPOINT, "collector:4318"],
    [ENDPOINT, "grpc://collector:4317"],
    [ENDPOINT, "https://user:pass@collector"],
    [ENDPOINT, "https://collector?key=1"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "authorization"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "authorization=%zz"],
    ["OTEL_RESOURCE_ATTRIBUTES", "=x"],
    ["OTEL_TRACES_SAMPLER_ARG", "1.1"],
    ["OTEL_TRACES_SAMPLER_ARG", "-1"],
    ["OTEL_TRACES_SAMPLER_ARG", "."],
    ["OTEL_TRACES_SAMPLER_ARG", "always"],
  ])("refuses %s=%s by its name", (name, value) => {
    expect(complaints({ [name]: value })).toEqual([name]);
  });
});
