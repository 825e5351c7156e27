import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A process group is named by its id, a container and a network by their names, a directory by its path. */
export type Remains = "process-group" | "container" | "network" | "directory";

/**
 * Tells the reaper what must not outlive this process. The reaper is a small shell that reads our list from a pipe
 * and acts when the pipe ends: that is the one sign which also comes when we are killed with SIGKILL, where no exit
 * handler runs. Call the answer once the thing is gone, for process ids are used again.
 */
export function bequeath(kind: Remains, what: string): () => void {
  lastId += 1;
  const id = lastId;
  tell(`add ${id} ${kind} ${what}`);
  return () => tell(`drop ${id}`);
}

/** The reaper's own process id, for those who look for child processes that were left behind. */
export function reaperPid(): number | undefined {
  return reaper?.pid;
}

const SCRIPT = fileURLToPath(new URL("reaper.sh", import.meta.url));

let reaper: ChildProcess | undefined;
let lastId = 0;

function tell(line: string): void {
  reaper ??= startReaper();
  reaper.stdin?.write(`${line}\n`);
}

function startReaper(): ChildProcess {
  // Its own session: Ctrl-C in the terminal must reach the tests and not the one who cleans up behind them.
  const child = spawn("/bin/sh", [SCRIPT], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.unref();
  // A pipe to a child is a socket here, and would keep the process alive that the reaper waits for.
  (child.stdin as unknown as { unref(): void }).unref();
  return child;
}
