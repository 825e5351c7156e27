import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { createTracing } from "../../../../src/observe/tracing/tracing.ts";

const SCRIPT = fileURLToPath(
  new URL("../../../support/worker/loaded-by-worker.ts", import.meta.url),
);

/** Packages of OpenTelemetry in a process whose worker has started. */
function loadedWith(env: Readonly<Record<string, string>>): string[] {
  const { stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", SCRIPT], {
    encoding: "utf8",
    env: {
      PATH: process.env["PATH"],
      NODE_ENV: "test",
      HTTP_PORT: "0",
      HTTP_HOST: "127.0.0.1",
      ECS_PROJECTS: "0123456789abcdef0123456789abcdef",
      ECS_ACCESS_KEY: "AK",
      ECS_SECRET_KEY: "hunter2-hunter2",
      // Nobody listens there; a worker waits for what is away.
      AMQP_URL: "amqp://127.0.0.1:9",
      REDIS_URL: "redis://127.0.0.1:9",
      ...env,
    },
  });
  const line = /^loaded: (.*)$/m.exec(stdout)?.[1];
  if (line === undefined) throw new Error(`${stdout}\n${stderr}`);
  return line.split(" ");
}

it("a worker without a collector loads nothing of OpenTelemetry but what prom-client loads itself", () => {
  expect(loadedWith({})).toEqual(["@opentelemetry/api"]);
}, 120_000);

it("a worker with a collector, even one that is away, loads it and starts", () => {
  expect(loadedWith({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" })).toContain(
    "@opentelemetry/sdk-trace",
  );
}, 120_000);

it("there is nothing to wrap anything with when there is no collector", () => {
  const endpoints = { ecsEndpoint: "https://ecs", iamEndpoint: "https://iam" };
  expect(createTracing(null, { stepType: "step", endpoints, onProblem: () => {} })).toBeNull();
});
