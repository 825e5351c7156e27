import { redisBackend } from "../processes/backend.ts";
import { eventually } from "../eventually.ts";
import { type PrivateRedis, type RedisOptions, startRedis } from "./redis.ts";

/** A replica of a private Redis, linked and in step when this answers. */
export async function startReplica(
  master: PrivateRedis,
  options: RedisOptions = {},
): Promise<PrivateRedis> {
  if (redisBackend().kind === "docker") {
    // A container cannot reach another one's port through its own loopback address.
    throw new Error("a replica needs redis-server on this machine, not in Docker");
  }
  const replica = await startRedis({
    ...options,
    extraArgs: [...(options.extraArgs ?? []), "--replicaof", "127.0.0.1", `${master.port}`],
  });
  await eventually(async () => (await info(replica, "master_link_status")) === "up", {
    what: "the replica's link to its master",
  });
  return replica;
}

/** Makes a replica the master, as a failover does; what it had not received is lost. */
export async function promote(replica: PrivateRedis): Promise<void> {
  await replica.command("REPLICAOF", "NO", "ONE");
}

export interface WatchedRedis {
  /** For ioredis: `new Redis({ sentinels, name: "ecs" })`. */
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  readonly masterName: string;
  readonly master: PrivateRedis;
  readonly replica: PrivateRedis;
  stop(): Promise<void>;
}

export interface WatchedOptions {
  /** Of the master and its replica. */
  readonly server?: RedisOptions;
  /** Of the sentinels; its `sentinelOf` is made here. */
  readonly sentinel?: Omit<RedisOptions, "sentinelOf"> & { readonly conf?: readonly string[] };
}

/** A master, a replica and three sentinels that promote the replica about two seconds after the master is gone. */
export async function startWatchedRedis({
  server = {},
  sentinel = {},
}: WatchedOptions = {}): Promise<WatchedRedis> {
  const started: PrivateRedis[] = [];
  const keep = <T extends PrivateRedis>(redis: T) => {
    started.push(redis);
    return redis;
  };
  const stop = async () => void (await Promise.all(started.map((redis) => redis.stop())));
  try {
    const extraArgs = ["--repl-diskless-sync-delay", "0", ...(server.extraArgs ?? [])];
    const master = keep(await startRedis({ ...server, extraArgs }));
    const replica = keep(await startReplica(master, { ...server, extraArgs }));
    const { conf = [], ...options } = sentinel;
    const sentinels: PrivateRedis[] = [];
    for (let count = 0; count < SENTINELS; count += 1) {
      const sentinelOf = { name: NAME, port: master.port, conf };
      sentinels.push(keep(await startRedis({ ...options, sentinelOf })));
    }
    await eventually(() => agree(sentinels), {
      what: "sentinels that know each other",
      timeoutMs: 30_000,
    });
    return {
      sentinels: sentinels.map(({ port }) => ({ host: "127.0.0.1", port })),
      masterName: NAME,
      master,
      replica,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const NAME = "ecs";
const SENTINELS = 3;

async function agree(sentinels: readonly PrivateRedis[]): Promise<boolean> {
  for (const sentinel of sentinels) {
    await sentinel.command("SENTINEL", "CKQUORUM", NAME);
    const replicas = (await sentinel.command("SENTINEL", "REPLICAS", NAME)) as unknown[];
    const others = (await sentinel.command("SENTINEL", "SENTINELS", NAME)) as unknown[];
    if (replicas.length === 0 || others.length < SENTINELS - 1) return false;
  }
  return true;
}

async function info(redis: PrivateRedis, field: string): Promise<string | undefined> {
  const text = String(await redis.command("INFO", "replication"));
  return new RegExp(`^${field}:(.*?)\\r?$`, "m").exec(text)?.[1];
}
