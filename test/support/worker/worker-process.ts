import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type OwnedProcess, ownedDirectory, spawnOwned } from "../processes/child-process.ts";
import { eventually } from "../eventually.ts";
import { freePort } from "../network/free-port.ts";
import { BUILT_MAIN, workerMain } from "./worker-bundle.ts";

/** A place in the worker's code, and what happens when it is reached for the nth time (from 1). */
export interface FailPoint {
  readonly label: string;
  readonly nth?: number;
  /** Counts only from when this label was reached: the final event's publish follows `step:finished`. */
  readonly after?: string;
  /** `exhaust`: all memory is used up. `reject`: a promise that nobody handles. `block`: the event loop stands still for `blockMs`. `hang`: the step never goes on, all else does. */
  readonly action: "kill" | "stop" | "throw" | "reject" | "exhaust" | "block" | "hang";
  readonly blockMs?: number;
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
  /** Waits until it has ended by itself, or by a fail point; answers how. */
  ended(timeoutMs?: number): Promise<string>;
  /** Waits until a fail point has stopped it (SIGSTOP). */
  stopped(timeoutMs?: number): Promise<void>;
  kill(): Promise<void>;
}

/** For tests that reinstall one server often, or many at once, and are about something else. The product's defaults are on. */
const BRAKES_OFF = {
  BRAKES_COOLDOWN_MS: "0",
  BRAKES_SERVER_LIMIT: "0",
  BRAKES_STORM_SAME: "0",
  BRAKES_STORM_SHARE: "0",
  BRAKES_STORM_ASKS: "0",
};

const ENTRY = fileURLToPath(new URL("./armed-worker.mjs", import.meta.url));

/** For an environment: the files of `dist` themselves, not their bundle. So do all that pass options to Node.js. */
export const AS_BUILT: Readonly<Record<string, string>> = { NODE_OPTIONS: "" };

/**
 * Starts `dist/main.js` with this environment and these fail points; does not wait until it is ready. `logFile`: where it
 * writes instead of a file of its own, e.g. `/dev/full`.
 */
export async function startWorker(
  env: Readonly<Record<string, string>>,
  failPoints: readonly FailPoint[] = [],
  logFile?: string,
): Promise<WorkerProcess> {
  logFile ??= join((await ownedDirectory("ecs-worker-")).path, "log");
  const written = logFile;
  const port = await freePort();
  const main =
    env["NODE_OPTIONS"] === undefined ? workerMain() : { path: BUILT_MAIN, env: undefined };
  const child = await spawnOwned(process.execPath, [ENTRY, main.path], {
    logFile,
    env: {
      PATH: process.env["PATH"],
      NODE_ENV: "test",
      LOG_LEVEL: "debug",
      // Most tests want many servers in work at once; those that are about the cap set their own.
      BRAKES_MAX_RUNNING: "1000",
      HTTP_PORT: String(port),
      FAIL_POINTS: JSON.stringify(failPoints),
      ...main.env,
      ...BRAKES_OFF,
      ...env,
    },
  });
  const httpUrl = `http://127.0.0.1:${port}`;
  // A device is no file: /dev/full has no end.
  const output = () => (statSync(written).isFile() ? readFileSync(written, "utf8") : "");
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
      const ended = await eventually(
        async () => {
          if (child.ending !== undefined) return child.ending;
          const answer = await fetch(`${httpUrl}/readyz`);
          if (!answer.ok) throw new Error(await answer.text());
          return null;
        },
        { what: `readiness of the worker ${child.pid}`, timeoutMs: 30_000 },
      );
      if (ended === null) return;
      throw new Error(`the worker ${child.pid} ended while it started: ${ended}\n${output()}`);
    },
    async stop(graceMs = 30_000) {
      await child.terminate(graceMs);
      return child.ending;
    },
    ended: (timeoutMs = 30_000) =>
      eventually(() => child.ending ?? false, {
        what: `the end of the worker ${child.pid}`,
        timeoutMs,
        intervalMs: 5,
      }),
    async stopped(timeoutMs = 30_000) {
      await eventually(() => isStopped(child.pid), {
        what: `the worker ${child.pid} standing still`,
        timeoutMs,
        intervalMs: 10,
      });
    },
    kill: () => child.kill(),
  };
}

/** By the process state of /proc, or of ps where there is none. */
function isStopped(pid: number): boolean {
  if (existsSync("/proc/self/stat")) {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
  }
  return execFileSync("ps", ["-o", "state=", "-p", `${pid}`], { encoding: "utf8" }).startsWith("T");
}
