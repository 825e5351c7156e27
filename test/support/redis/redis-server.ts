import { chmod, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Backend, redisBackend, searchPath } from "../processes/backend.ts";
import { logTail, type OwnedProcess, run, spawnOwned } from "../processes/child-process.ts";
import { container, published } from "../processes/docker-container.ts";

/** One Redis process, wherever it runs. Its data lies in `dataDir` on this machine. */
export interface RedisServer {
  readonly pid: number | undefined;
  failure(): Promise<string | undefined>;
  launch(): Promise<void>;
  kill(): Promise<void>;
  terminate(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** After it has ended. */
  remove(): Promise<void>;
}

export interface RedisServerPlan {
  readonly port: number;
  readonly dataDir: string;
  readonly logFile: string;
  readonly args: readonly string[];
}

export async function redisServer(plan: RedisServerPlan): Promise<RedisServer> {
  const backend = redisBackend();
  return backend.kind === "local"
    ? localServer(backend.command, plan)
    : dockerServer(backend.image, plan);
}

/** From 7.0 on `DEBUG SLEEP` must be allowed explicitly; older servers refuse to start with the option. */
export async function debugArgs(): Promise<readonly string[]> {
  return (await majorVersion(redisBackend())) >= 7 ? ["--enable-debug-command", "yes"] : [];
}

/** Removes the data of a stopped server, and leaves its ACL file and certificates. */
export async function removeData(dataDir: string): Promise<void> {
  const isData = (name: string) => name.startsWith("appendonly") || name.endsWith(".rdb");
  for (const name of (await readdir(dataDir)).filter(isData)) {
    await rm(join(dataDir, name), { recursive: true, force: true });
  }
}

async function majorVersion(backend: Backend): Promise<number> {
  if (backend.kind === "docker") return 7;
  const said = await run(backend.command, ["--version"]);
  return Number(/v=(\d+)/.exec(said)?.[1] ?? 0);
}

function localServer(command: string, plan: RedisServerPlan): RedisServer {
  let server: OwnedProcess | undefined;
  return {
    get pid() {
      return server?.ending === undefined ? server?.pid : undefined;
    },
    async failure() {
      return server?.ending === undefined
        ? undefined
        : `${server.ending}\n${logTail(plan.logFile)}`;
    },
    async launch() {
      server = await spawnOwned(command, argsAt(plan, "127.0.0.1"), {
        env: { PATH: searchPath().join(":"), LANG: "C.UTF-8" },
        logFile: plan.logFile,
        cwd: plan.dataDir,
      });
    },
    kill: async () => server?.kill(),
    terminate: async () => server?.terminate(5_000),
    pause: async () => server?.signal("SIGSTOP"),
    resume: async () => server?.signal("SIGCONT"),
    remove: async () => undefined,
  };
}

async function dockerServer(image: string, plan: RedisServerPlan): Promise<RedisServer> {
  // As the same user, so that the test may read, cut and remove the files.
  const user = `--user=${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const box = container(
    image,
    [...published(plan.port), user, `--volume=${plan.dataDir}:${plan.dataDir}`],
    ["redis-server", ...argsAt(plan, "0.0.0.0"), "--protected-mode", "no"],
  );
  await chmod(plan.dataDir, 0o755);
  return {
    get pid() {
      return box.pid;
    },
    failure: () => box.failure(),
    launch: () => box.start(),
    kill: () => box.kill(),
    terminate: () => box.terminate(5),
    pause: () => box.pause(),
    resume: () => box.resume(),
    remove: () => box.remove(),
  };
}

/** A configuration file, if there is one among the arguments, must come first. */
function argsAt({ port, dataDir, args }: RedisServerPlan, bindTo: string): readonly string[] {
  return [...args, "--port", `${port}`, "--bind", bindTo, "--dir", dataDir];
}
