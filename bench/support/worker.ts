import { readFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  DEFAULT_ACCESS_KEY,
  DEFAULT_PROJECT_ID,
  DEFAULT_SECRET_KEY,
} from "../../src/simulator/defaults.ts";
import { ownedDirectory, spawnOwned } from "../../test/support/processes/child-process.ts";
import { eventually } from "../../test/support/eventually.ts";
import { freePort } from "../../test/support/network/free-port.ts";
import type { Stage } from "../case.ts";
import { IMAGE_NODE_OPTIONS } from "../../test/support/worker/image-command.ts";
import type { Program } from "./program.ts";

export interface Worker extends Program {
  /** From the start of the process to its first `ready`. */
  readonly readyMs: number;
  /** Sum of all samples of one metric whose labels contain all of these, e.g. `disposition="ack"`. */
  metric(name: string, ...labels: readonly string[]): Promise<number>;
  /**
   * What is in use, by a collection right before. Only of a worker that was started with {@link COLLECTABLE}: what V8 has
   * from the system besides depends on the machine.
   */
  collectedMemory(): Promise<NodeJS.MemoryUsage>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

const ENTRY = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/** Of Node.js, for {@link Worker.collectedMemory}. */
export const COLLECTABLE = `--expose-gc --import=${new URL("../preload/collect.ts", import.meta.url).href}`;

/** How fast the worker itself is, not how careful. */
const UNHINDERED = {
  ECS_REQUESTS_PER_SECOND: "10000",
  ECS_REQUEST_BURST: "10000",
  BRAKES_MAX_RUNNING: "1000",
  BRAKES_STORM_ASKS: "0",
  PREFETCH: "50",
  POLL_INTERVALS_MS: "50,100,200",
};

/** Starts the built worker as the image does, and waits until it is ready. */
export async function startWorker(
  { amqpUrl, redisUrl, cloud }: Stage,
  env: Readonly<Record<string, string>> = {},
): Promise<Worker> {
  const port = await freePort();
  const folder = await ownedDirectory("ecs-bench-");
  const logFile = join(folder.path, "log");
  const memoryFile = join(folder.path, "memory");
  const startedMs = performance.now();
  const child = await spawnOwned(
    process.execPath,
    [...IMAGE_NODE_OPTIONS, ...(env["NODE_ARGS"]?.split(" ") ?? []), ENTRY],
    {
      logFile,
      env: {
        PATH: process.env["PATH"],
        LOG_LEVEL: "error",
        AMQP_URL: amqpUrl,
        REDIS_URL: redisUrl,
        ECS_ENDPOINT: cloud.url,
        IAM_ENDPOINT: cloud.url,
        ECS_PROJECTS: DEFAULT_PROJECT_ID,
        ECS_ACCESS_KEY: DEFAULT_ACCESS_KEY,
        ECS_SECRET_KEY: DEFAULT_SECRET_KEY,
        HTTP_PORT: String(port),
        BENCH_MEMORY_FILE: memoryFile,
        ...UNHINDERED,
        ...env,
      },
    },
  );
  const url = `http://127.0.0.1:${port}`;
  const ended = await eventually(
    async () => child.ending ?? ((await fetch(`${url}/readyz`)).ok ? null : false),
    { what: "a ready worker", timeoutMs: 60_000, intervalMs: 10 },
  );
  if (ended !== null) {
    throw new Error(`the worker ended (${ended}): ${readFileSync(logFile, "utf8")}`);
  }
  const readyMs = performance.now() - startedMs;
  const metric = async (name: string, ...labels: readonly string[]) =>
    sumOf(await (await fetch(`${url}/metrics`)).text(), name, labels);
  return {
    readyMs,
    metric,
    cpuSeconds: () => metric("process_cpu_seconds_total"),
    async collectedMemory() {
      await rm(memoryFile, { force: true });
      child.signal("SIGUSR2");
      const text = await eventually(() => readFile(memoryFile, "utf8"), {
        what: "the memory after a collection",
        timeoutMs: 10_000,
      });
      return JSON.parse(text) as NodeJS.MemoryUsage;
    },
    stop: () => child.terminate(30_000),
    kill: () => child.kill(),
  };
}

/**
 * Of a Prometheus page.
 *
 * @internal
 */
export function sumOf(page: string, name: string, labels: readonly string[]): number {
  return page
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
