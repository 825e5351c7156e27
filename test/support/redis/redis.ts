import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { ownedDirectory } from "../processes/child-process.ts";
import { eventually } from "../eventually.ts";
import { freePort } from "../network/free-port.ts";
import type { TlsFiles } from "../rabbitmq/rabbitmq-node.ts";
import { cutLastCommands } from "./redis-aof.ts";
import { debugArgs, removeData, redisServer } from "./redis-server.ts";

export interface RedisOptions {
  /** Keeps an append-only file, so that `start` after `kill` finds the data again. Off by default. */
  readonly appendOnly?: boolean;
  /** More arguments of redis-server: `["--maxmemory", "10mb"]`. */
  readonly extraArgs?: readonly string[];
  /** Speaks TLS only; the URL is then `rediss://localhost:…`. */
  readonly tls?: TlsFiles;
  /** Turns away clients without a certificate; our own calls show this one. */
  readonly tlsClient?: TlsFiles;
  /** Lines of an ACL file, and the user that the URL and our own calls use. */
  readonly acl?: {
    readonly lines: readonly string[];
    readonly username: string;
    readonly password: string;
  };
  /** A sentinel that watches this master, instead of a server with data; see redis-failover.ts. */
  readonly sentinelOf?: {
    readonly name: string;
    readonly port: number;
    /** More lines of its configuration file. */
    readonly conf?: readonly string[];
  };
  /** The name in the server's certificate, where it is not localhost: what our own calls expect. */
  readonly servername?: string;
}

/** A throw-away Redis on a free loopback port. It ends with this process at the latest. */
export interface PrivateRedis {
  readonly url: string;
  readonly port: number;
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  readonly dataDir: string;
  /** One command on a connection of its own: `command("CLIENT", "KILL", "TYPE", "normal")`. */
  command(name: string, ...args: readonly (string | number)[]): Promise<unknown>;
  /** Starts it again after `kill` or `terminate`; the data is there if it was appended. */
  start(): Promise<void>;
  kill(): Promise<void>;
  terminate(): Promise<void>;
  /** A Redis that lost everything: killed, data removed, started again. */
  restartEmpty(): Promise<void>;
  /** A Redis that lost its last second: killed, the last n writes cut off the append-only file, started again. */
  restartWithoutLast(commands: number): Promise<void>;
  flushAll(): Promise<void>;
  configSet(name: string, value: string): Promise<void>;
  /** SIGSTOP: the sockets stay open and nobody answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Ends it for good and removes its folder. May be repeated. */
  stop(): Promise<void>;
}

/** Ready in about 50 ms. */
export async function startRedis(options: RedisOptions = {}): Promise<PrivateRedis> {
  const folder = await ownedDirectory("ecs-redis-");
  const dataDir = join(folder.path, "data");
  await mkdir(dataDir);
  const port = await freePort();
  const server = await redisServer({
    port: options.tls === undefined ? port : 0,
    dataDir,
    logFile: join(folder.path, "log.txt"),
    args: await serverArgs(options, port, dataDir),
  });
  const url = urlOf(options, port);
  const command: PrivateRedis["command"] = (name, ...args) => ask(url, options, name, args);
  const start = async () => {
    if (server.pid !== undefined) throw new Error(`Redis on port ${port} runs already`);
    await server.launch();
    const failure = await eventually(
      async () => (await server.failure()) ?? void (await command("PING")),
      { what: `Redis on port ${port}`, timeoutMs: 30_000, intervalMs: 10 },
    );
    if (failure !== undefined) throw new Error(`Redis ended while starting: ${failure}`);
  };
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    await server.kill();
    await server.remove();
    await folder.remove();
  };
  const redis: PrivateRedis = {
    url,
    port,
    get pid() {
      return server.pid;
    },
    dataDir,
    command,
    start,
    kill: () => server.kill(),
    terminate: () => server.terminate(),
    async restartEmpty() {
      await server.kill();
      await removeData(dataDir);
      await start();
    },
    async restartWithoutLast(commands) {
      await server.kill();
      await cutLastCommands(dataDir, commands);
      await start();
    },
    flushAll: async () => void (await command("FLUSHALL")),
    configSet: async (name, value) => void (await command("CONFIG", "SET", name, value)),
    pause: () => server.pause(),
    resume: () => server.resume(),
    stop,
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return redis;
}

async function serverArgs(
  { appendOnly = false, extraArgs = [], tls, tlsClient, acl, sentinelOf }: RedisOptions,
  port: number,
  dataDir: string,
): Promise<readonly string[]> {
  const args: string[] = [];
  if (sentinelOf === undefined) {
    args.push("--save", "", "--appendonly", appendOnly ? "yes" : "no");
    args.push("--maxmemory-policy", "noeviction", ...(await debugArgs()));
  } else {
    const conf = join(dataDir, "sentinel.conf");
    await writeFile(conf, sentinelConf(sentinelOf).join("\n"));
    args.push(conf, "--sentinel");
  }
  if (tls !== undefined) {
    const auth = tlsClient === undefined ? "optional" : "yes";
    args.push("--tls-port", `${port}`, "--tls-auth-clients", auth);
    // Copies, for a container sees only the data folder.
    const seen = (name: string) => join(dataDir, name);
    await copyFile(tls.certFile, seen("server.crt"));
    await copyFile(tls.keyFile, seen("server.key"));
    await copyFile(tls.caFile, seen("ca.crt"));
    args.push("--tls-cert-file", seen("server.crt"), "--tls-key-file", seen("server.key"));
    args.push("--tls-ca-cert-file", seen("ca.crt"));
  }
  if (acl !== undefined && sentinelOf === undefined) {
    const aclFile = join(dataDir, "users.acl");
    await writeFile(aclFile, `${acl.lines.join("\n")}\n`);
    args.push("--aclfile", aclFile);
  }
  return [...args, ...extraArgs];
}

/** Sentinels find one another through the master, and write what they learn into this file. */
function sentinelConf({ name, port, conf = [] }: NonNullable<RedisOptions["sentinelOf"]>) {
  return [
    `sentinel monitor ${name} 127.0.0.1 ${port} 2`,
    `sentinel down-after-milliseconds ${name} 1000`,
    `sentinel failover-timeout ${name} 5000`,
    ...conf,
    "",
  ];
}

function urlOf({ tls, acl }: RedisOptions, port: number): string {
  // By name under TLS: the certificate is checked against localhost.
  const url = new URL(
    tls === undefined ? `redis://127.0.0.1:${port}` : `rediss://localhost:${port}`,
  );
  if (acl === undefined) return url.href;
  // URL's own setters do nothing on schemes it does not know well.
  const user = `${encodeURIComponent(acl.username)}:${encodeURIComponent(acl.password)}`;
  return url.href.replace("://", `://${user}@`);
}

async function ask(
  url: string,
  options: RedisOptions,
  name: string,
  args: readonly (string | number)[],
): Promise<unknown> {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    connectTimeout: 5_000,
    commandTimeout: 10_000,
    ...(await tlsOf(options)),
  });
  // Every failure reaches the caller through the call; without a listener it would be printed as well.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await client.call(name, ...args);
  } finally {
    client.disconnect();
  }
}

async function tlsOf({ tls, tlsClient, servername }: RedisOptions) {
  if (tls === undefined) return {};
  const ca = await readFile(tls.caFile);
  if (tlsClient === undefined) return { tls: { ca, ...(servername && { servername }) } };
  const [cert, key] = await Promise.all(
    [tlsClient.certFile, tlsClient.keyFile].map((f) => readFile(f)),
  );
  const named = servername && { servername };
  return { tls: { ca, ...(cert && { cert }), ...(key && { key }), ...named } };
}
