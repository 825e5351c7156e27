import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bequeath } from "./reaper.ts";

export interface OwnedProcess {
  readonly pid: number;
  /** How it ended, or undefined while it runs. */
  readonly ending: string | undefined;
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL to it and its children; answers when it is gone. May be repeated. */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL after the grace time. */
  terminate(graceMs: number): Promise<void>;
}

export interface SpawnOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Standard output and error go here: a pipe would end with us and take the child along. */
  readonly logFile: string;
  readonly cwd?: string;
}

/** Starts a process that ends with us, however we end. It leads a process group of its own. */
export async function spawnOwned(
  command: string,
  args: readonly string[],
  { env, logFile, cwd }: SpawnOptions,
): Promise<OwnedProcess> {
  const log = openSync(logFile, "a");
  const child = spawn(command, args, {
    env,
    detached: true,
    stdio: ["ignore", log, log],
    ...(cwd === undefined ? {} : { cwd }),
  });
  closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  return own(child);
}

/** Names and process ids of what is still running: empty when a test file has cleaned up. */
export function runningProcesses(): readonly string[] {
  return [...running].map((child) => `${child.spawnfile} (pid ${child.pid})`);
}

/** A folder in the system's temporary directory that is removed with us at the latest. */
export async function ownedDirectory(
  prefix: string,
  parent = tmpdir(),
): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(parent, prefix));
  const removed = bequeath("directory", path);
  return {
    path,
    async remove() {
      // A killed server's helpers may still write for a moment: hence the retries.
      await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
      removed();
    },
  };
}

/** Runs a command to its end. Rejects with its output when it fails or takes longer than the time-out. */
export async function run(
  command: string,
  args: readonly string[],
  options: {
    readonly env?: NodeJS.ProcessEnv;
    readonly cwd?: string;
    readonly timeoutMs?: number;
  } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      command,
      args,
      {
        timeout: options.timeoutMs ?? 30_000,
        killSignal: "SIGKILL",
        maxBuffer: 64 * 1024 * 1024,
        ...(options.env === undefined ? {} : { env: options.env }),
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else {
          const said = `${stderr}${stdout}`.trim();
          reject(
            new Error(`${command} ${args.join(" ")}: ${said || error.message}`, { cause: error }),
          );
        }
      },
    );
  });
}

export function logTail(logFile: string, lines = 30): string {
  try {
    return readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  } catch {
    return "(no log)";
  }
}

const running = new Set<ChildProcess>();

function own(child: ChildProcess): OwnedProcess {
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${child.spawnfile} has no process id`);
  const gone = bequeath("process-group", `${pid}`);
  running.add(child);
  let ending: string | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once("exit", (code, signal) => {
      ending = signal === null ? `exit code ${code}` : `signal ${signal}`;
      running.delete(child);
      // Its helpers (Erlang has some) may outlive it by a moment; the number of a group stays taken until they ended.
      signalGroup(pid, "SIGKILL");
      gone();
      resolve();
    });
  });
  // A server that a test forgot must not keep the test process from ending; the reaper ends it then.
  child.unref();
  const kill = async () => {
    if (ending === undefined) signalGroup(pid, "SIGKILL");
    await referenced(child, ended);
  };
  return {
    pid,
    get ending() {
      return ending;
    },
    signal(signal) {
      if (ending === undefined) process.kill(pid, signal);
    },
    kill,
    async terminate(graceMs) {
      if (ending === undefined) process.kill(pid, "SIGTERM");
      const timer = setTimeout(() => void kill(), graceMs);
      await referenced(child, ended);
      clearTimeout(timer);
    },
  };
}

/** An unreferenced child would let the process end in the middle of waiting for it. */
async function referenced(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.ref();
  await ended;
  child.unref();
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // No such group: everything in it has ended already.
  }
}
