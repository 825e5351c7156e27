import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** Where a private service comes from on this machine. The one place that decides it. */
export type Backend =
  | { readonly kind: "local"; readonly command: string }
  | { readonly kind: "docker"; readonly image: string };

/** The folder with rabbitmq-server and rabbitmqctl, or the image. Throws one clear sentence when there is neither. */
export function rabbitMqBackend(): Backend {
  rabbitMq ??= choose("RabbitMQ", findRabbitMqServer(), "rabbitmq:4-management");
  return rabbitMq;
}

export function redisBackend(): Backend {
  redis ??= choose("Redis", findOnPath("redis-server") ?? findOnPath("valkey-server"), "redis:7");
  return redis;
}

/** The absolute path of a command, looked for where system packages put daemons too. */
export function findOnPath(command: string): string | undefined {
  return searchPath()
    .map((folder) => join(folder, command))
    .find(isExecutable);
}

/** For the environment of the servers: Homebrew's and the system's folders are not on every PATH. */
export function searchPath(): readonly string[] {
  const path = (process.env.PATH ?? "").split(":").filter((folder) => folder.startsWith("/"));
  return [
    ...new Set([
      ...path,
      "/usr/local/sbin",
      "/usr/local/bin",
      "/usr/sbin",
      "/usr/bin",
      "/sbin",
      "/bin",
      "/opt/homebrew/sbin",
      "/opt/homebrew/bin",
    ]),
  ];
}

let rabbitMq: Backend | undefined;
let redis: Backend | undefined;

function choose(name: string, command: string | undefined, image: string): Backend {
  // Lets a machine that has both try the other one; `none`: the quick run, which must do without (vitest.fast.config.ts).
  const wanted = process.env.TEST_SERVICES;
  if (wanted === "none") throw new Error(`this run starts no server, and a test wants ${name}`);
  if (command !== undefined && wanted !== "docker") return { kind: "local", command };
  if (wanted !== "local" && dockerWorks()) return { kind: "docker", image };
  throw new Error(
    `${name} is neither installed nor is there a Docker engine to run it: try \`make setup\``,
  );
}

/*
 * Debian's /usr/sbin/rabbitmq-server is a wrapper that becomes user `rabbitmq` when root starts it, and forgets the
 * environment that makes our broker private: the real script comes first.
 */
function findRabbitMqServer(): string | undefined {
  const real = "/usr/lib/rabbitmq/bin/rabbitmq-server";
  return isExecutable(real) ? real : findOnPath("rabbitmq-server");
}

function dockerWorks(): boolean {
  return spawnSync("docker", ["info"], { stdio: "ignore", timeout: 10_000 }).status === 0;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
