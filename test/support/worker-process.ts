import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type OwnedProcess, ownedDirectory, spawnOwned } from "./child-process.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";

/** A place in the worker's code, and what happens when it is reached for the nth time (from 1). */
export interface FailPoint {
  readonly label: string;
  readonly nth?: number;
  readonly action: "kill" | "stop" | "throw";
}

/** The built worker as a process of its own. */
export interface WorkerProcess {
  readonly pid: number;
  readonly httpUrl: string;
  readonly process: OwnedProcess;
  /** Every log line so far, parsed; lines that are no JSON as `{ raw }`. */
  log(): readonly Record<string, unknown>[];
  /** What the process wrote, as it is: to search for what must not be there. */
  output(): string;
  ready(): Promise<void>;
  /** SIGTERM, and its exit: rejects when it did not end in time. */
  stop(graceMs?: number): Promise<string | undefined>;
  kill(): Promise<void>;
}

const ENTRY = fileURLToPath(new URL("./armed-worker.mjs", import.meta.url));

/** Starts `dist/main.js` with this environment and these fail points; does not wait until it is ready. */
export async function startWorker(
  env: Readonly<Record<string, string>>,
  failPoints: readonly FailPoint[] = [],
): Promise<WorkerProcess> {
  const folder = await ownedDirectory("ecs-worker-");
  const logFile = join(folder.path, "log");
  const port = await freePort();
  const child = await spawnOwned(process.execPath, [ENTRY], {
    logFile,
    env: {
      PATH: process.env["PATH"],
      NODE_ENV: "test",
      LOG_LEVEL: "debug",
      HTTP_PORT: String(port),
      FAIL_POINTS: JSON.stringify(failPoints),
      ...env,
    },
  });
  const httpUrl = `http://127.0.0.1:${port}`;
  const output = () => readFileSync(logFile, "utf8");
  return {
    pid: child.pid,
    httpUrl,
    process: child,
    output,
    log: () =>
      output()
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => {
          try {
            return JSON.parse(line) as Record<string, unknown>;
          } catch {
            return { raw: line };
          }
        }),
    async ready() {
      await eventually(async () => (await fetch(`${httpUrl}/readyz`)).ok, {
        what: `readiness of the worker ${child.pid}`,
        timeoutMs: 20_000,
      });
    },
    async stop(graceMs = 30_000) {
      await child.terminate(graceMs);
      return child.ending;
    },
    kill: () => child.kill(),
  };
}
