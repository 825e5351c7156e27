import { fileURLToPath } from "node:url";
import { logTail, spawnOwned } from "../test/support/processes/child-process.ts";
import { eventually } from "../test/support/eventually.ts";
import { freePort } from "../test/support/network/free-port.ts";
import { type Sample, samplesOf } from "./metrics-text.ts";

export interface WorkerProcess {
  readonly name: string;
  readonly pid: number;
  /** `http://127.0.0.1:<port>`: `/metrics`, `/readyz`, `/v1/commands/<id>` live there. */
  readonly url: string;
  readonly logFile: string;
  /** How it ended, or undefined while it runs. */
  readonly ending: string | undefined;
  /** The last metrics it gave: what is left of one that was killed. */
  lastSamples(): readonly Sample[];
  /** Asks for its metrics now; answers the last ones when it does not answer. */
  scrape(): Promise<readonly Sample[]>;
  /** The phase of a command as the store has it; null when it is not known. */
  phaseOf(commandId: string): Promise<string | null>;
  /** SIGKILL: nothing is finished, nothing is said. */
  kill(): Promise<void>;
  /** SIGTERM, as every platform stops a service. */
  stop(): Promise<void>;
}

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const READY_WITHIN_MS = 30_000;
const STOP_GRACE_MS = 8_000;

/** Starts the built worker, a process of its own as in production. Resolves when it says that it is ready. */
export async function startWorkerProcess(
  name: string,
  settings: Readonly<Record<string, string>>,
  logFile: string,
): Promise<WorkerProcess> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const owned = await spawnOwned(process.execPath, ["dist/main.js"], {
    cwd: ROOT,
    logFile,
    // Nothing of ours but the path: a developer's own ECS_ACCESS_KEY must not reach a demo.
    env: {
      PATH: process.env["PATH"],
      ...settings,
      HTTP_HOST: "127.0.0.1",
      HTTP_PORT: `${port}`,
    },
  });
  let samples: readonly Sample[] = [];
  const worker: WorkerProcess = {
    name,
    pid: owned.pid,
    url,
    logFile,
    get ending() {
      return owned.ending;
    },
    lastSamples: () => samples,
    async scrape() {
      if (owned.ending !== undefined) return samples;
      const page = await ask(`${url}/metrics`);
      if (page?.ok === true) samples = samplesOf(page.text);
      return samples;
    },
    async phaseOf(commandId) {
      const answer = await ask(`${url}/v1/commands/${encodeURIComponent(commandId)}`);
      if (answer?.ok !== true) return null;
      return (JSON.parse(answer.text) as { phase: string }).phase;
    },
    kill: () => owned.kill(),
    stop: () => owned.terminate(STOP_GRACE_MS),
  };
  const failure = await eventually(
    async () => {
      if (owned.ending !== undefined) return `${owned.ending}\n${logTail(logFile)}`;
      return (await ask(`${url}/readyz`))?.ok === true ? undefined : false;
    },
    { what: `${name} being ready`, timeoutMs: READY_WITHIN_MS, intervalMs: 50 },
  );
  if (failure !== undefined) throw new Error(`${name} ended while starting: ${failure}`);
  return worker;
}

/** Undefined when nobody answers. */
async function ask(url: string): Promise<{ ok: boolean; text: string } | undefined> {
  try {
    // A kept connection would keep this process from ending.
    const response = await fetch(url, {
      headers: { connection: "close" },
      signal: AbortSignal.timeout(2_000),
    });
    return { ok: response.ok, text: await response.text() };
  } catch {
    return undefined;
  }
}
