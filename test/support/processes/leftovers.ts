import { existsSync, readdirSync, readFileSync } from "node:fs";
import { runningProcesses } from "./child-process.ts";
import { eventually } from "../eventually.ts";
import { reaperPid } from "./reaper.ts";

/**
 * `afterAll(expectNoLeftovers)` at the top of a test file, where it runs after the file's other hooks: waits a moment
 * for what is just closing, then throws with a list of the sockets, servers, private services and other child
 * processes that are still there.
 */
export async function expectNoLeftovers(): Promise<void> {
  await eventually(
    () => {
      const left = leftovers();
      if (left.length > 0) throw new Error(left.join(", "));
    },
    { what: "the end of everything this test file opened", timeoutMs: 30_000 },
  );
}

/** What keeps this process alive and was opened by a test, plus every child process. */
function leftovers(): readonly string[] {
  return [
    ...process.getActiveResourcesInfo().filter((kind) => OURS.has(kind)),
    ...childProcesses(),
  ];
}

/** The test runner itself uses pipes, timers and message ports, and none of these. */
const OURS = new Set([
  "TCPSocketWrap",
  "TCPServerWrap",
  "TCPConnectWrap",
  "UDPWrap",
  "ProcessWrap",
]);

/** Without /proc only those that were started through child-process.ts are known. */
function childProcesses(): readonly string[] {
  if (!existsSync("/proc/self/stat")) return runningProcesses();
  return processes()
    .filter(({ pid, parent }) => parent === process.pid && pid !== reaperPid())
    .map(({ pid, name }) => `${name} (pid ${pid})`);
}

function processes() {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // "pid (name) state parent …"; the name may hold spaces and brackets.
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const end = stat.lastIndexOf(")");
        const [state, parent] = stat.slice(end + 2).split(" ");
        // A zombie has ended, and waits for Node to notice.
        if (state === "Z") return [];
        return [
          {
            pid: Number(name),
            name: stat.slice(stat.indexOf("(") + 1, end),
            parent: Number(parent),
          },
        ];
      } catch {
        // It ended since the folder was read.
        return [];
      }
    });
}
