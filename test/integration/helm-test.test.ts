import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  DEFAULT_ACCESS_KEY,
  DEFAULT_PROJECT_ID,
  DEFAULT_SECRET_KEY,
} from "../../src/simulator/defaults.ts";
import { type SharedServices, sharedServices } from "../support/services.ts";
import { openStage, type Stage } from "../support/stage.ts";

const ROOT = join(import.meta.dirname, "../..");
/** As the pod of `helm test` runs it. */
const SCRIPT = readFileSync(join(ROOT, "helm/ecs-reinstall-worker/files/test.mjs"), "utf8");
const run = promisify(execFile);

let services: SharedServices;
let stage: Stage;

beforeAll(async () => {
  services = await sharedServices();
  stage = await openStage({ rabbitMq: services.rabbitMq, redisUrl: services.redis.url });
  await stage.addWorker();
});

afterAll(async () => {
  await stage?.close();
  await services?.close();
});

function helmTest(more: Readonly<Record<string, string>> = {}) {
  return run(process.execPath, ["--input-type=module", "--eval", SCRIPT], {
    cwd: ROOT,
    env: {
      PATH: process.env["PATH"],
      PROGRAM: join(ROOT, "dist/cli/ecs-reinstall.js"),
      WORKER: stage.workers[0]?.httpUrl,
      AMQP_URL: services.rabbitMq.url,
      READY_TIMEOUT_SECONDS: "10",
      DRY_RUN: "true",
      ...more,
    },
  });
}

it("goes through broker, Redis and cloud with a server that no cloud has, and changes nothing", async () => {
  const { stdout } = await helmTest();
  expect(stdout).toContain("fail server-exists");
  expect(stdout).toContain("the dry run went through broker, Redis and cloud");
  expect(stage.simulator.ledger().servers).toEqual({});
});

it("demands a server that was named", async () => {
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  expect((await helmTest({ SERVER_ID: server.id })).stdout).toContain("pass server-exists");
  const absent = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";
  await expect(helmTest({ SERVER_ID: absent })).rejects.toThrow(`server ${absent}: fail`);
  expect(stage.reinstalls(server.id)).toBe(0);
});

it("fails where the broker takes no command", async () => {
  await expect(helmTest({ AMQP_URL: "amqp://127.0.0.1:1" })).rejects.toThrow(/ECONNREFUSED/);
});

it("looks at what the worker stands on, and fails where something is wrong", async () => {
  const env = {
    DOCTOR: "true",
    REDIS_URL: services.redis.url,
    ECS_ENDPOINT: stage.simulator.url,
    IAM_ENDPOINT: stage.simulator.url,
    ECS_PROJECTS: DEFAULT_PROJECT_ID,
    ECS_ACCESS_KEY: DEFAULT_ACCESS_KEY,
    ECS_SECRET_KEY: DEFAULT_SECRET_KEY,
  };
  // The Redis of the tests keeps nothing on disk.
  await expect(helmTest(env)).rejects.toMatchObject({
    stdout: expect.stringMatching(/wrong.*persistence/) as string,
  });
});

it("asks only the web server without a dry run", async () => {
  const { stdout } = await helmTest({ DRY_RUN: "", AMQP_URL: "amqp://127.0.0.1:1" });
  expect(stdout).not.toContain("dry run");
});
