import { Cluster, Command } from "ioredis";
import { eventually } from "../eventually.ts";
import { freePort } from "../network/free-port.ts";
import { type PrivateRedis, type RedisOptions, startRedis } from "./redis.ts";

/** A master of the cluster, and who takes its place. */
interface ClusterShard {
  readonly master: PrivateRedis;
  readonly replicas: readonly PrivateRedis[];
}

export interface PrivateCluster {
  readonly shards: readonly ClusterShard[];
  /** For `REDIS_CLUSTER_NODES`. */
  readonly nodes: string;
  /** The server that has a key now, as the others say. */
  ownerOf(key: string): Promise<PrivateRedis>;
  /** Moves the key's slot and all that is in it to another master, as a resharding does. */
  moveSlotOf(key: string, to: PrivateRedis): Promise<void>;
  /** Who holds each server's lock, by key. */
  locks(): Promise<ReadonlyMap<string, string | null>>;
  stop(): Promise<void>;
}

const MASTERS = 3;
const SLOTS = 16_384;

export interface ClusterOptions extends RedisOptions {
  /** Of each master; none by default. */
  readonly replicas?: number;
}

/**
 * Three masters that share all slots, each with its replicas; a master that is gone is replaced after some two seconds.
 * Needs redis-server on this machine, 7.0 or later. Two seconds, four with replicas.
 */
export async function startRedisCluster({
  replicas = 0,
  ...options
}: ClusterOptions = {}): Promise<PrivateCluster> {
  const started: PrivateRedis[] = [];
  const stop = async () => void (await Promise.all(started.map((redis) => redis.stop())));
  const launch = async () => {
    // The default, ten thousand above the port, is often past the last port there is.
    const busPort = await freePort();
    const redis = await startRedis({ ...options, extraArgs: clusterArgs(options, busPort) });
    started.push(redis);
    return { redis, busPort };
  };
  try {
    const all = [];
    for (let count = 0; count < MASTERS * (1 + replicas); count += 1) all.push(await launch());
    const masters = all.slice(0, MASTERS).map(({ redis }) => redis);
    await join(all, masters);
    const shards = masters.map((master, index) => ({
      master,
      replicas: started.slice(MASTERS).filter((_, one) => one % MASTERS === index),
    }));
    for (const { master, replicas: ofMaster } of shards) {
      const id = String(await master.command("CLUSTER", "MYID"));
      for (const replica of ofMaster) await follow(replica, id);
    }
    return { shards, ...access(started, options), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function clusterArgs({ extraArgs = [], tls }: RedisOptions, busPort: number): readonly string[] {
  const args = ["--cluster-enabled", "yes", "--cluster-port", `${busPort}`];
  args.push("--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0");
  if (tls !== undefined) args.push("--tls-cluster", "yes", "--tls-replication", "yes");
  return [...args, ...extraArgs];
}

async function join(
  all: readonly { readonly redis: PrivateRedis; readonly busPort: number }[],
  masters: readonly PrivateRedis[],
): Promise<void> {
  const [first, ...others] = all;
  if (first === undefined) return;
  for (const [index, { redis }] of all.entries()) {
    await redis.command("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
  }
  for (const { redis, busPort } of others) {
    await first.redis.command("CLUSTER", "MEET", "127.0.0.1", redis.port, busPort);
  }
  for (const [index, master] of masters.entries()) {
    const from = Math.floor((SLOTS * index) / MASTERS);
    const to = Math.floor((SLOTS * (index + 1)) / MASTERS) - 1;
    await master.command("CLUSTER", "ADDSLOTSRANGE", from, to);
  }
  const agrees = async (redis: PrivateRedis) => {
    const info = String(await redis.command("CLUSTER", "INFO"));
    return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${all.length}`);
  };
  await eventually(
    async () => (await Promise.all(all.map(({ redis }) => agrees(redis)))).every(Boolean),
    { what: "a cluster whose nodes agree", timeoutMs: 20_000 },
  );
}

async function follow(replica: PrivateRedis, masterId: string): Promise<void> {
  await replica.command("CLUSTER", "REPLICATE", masterId);
  await eventually(
    async () =>
      String(await replica.command("INFO", "replication")).includes("master_link_status:up"),
    { what: "a replica's link to its master" },
  );
}

function access(all: readonly PrivateRedis[], { tls, servername, acl }: RedisOptions) {
  const slotOf = (key: string) => new Command("get", [key]).getSlot();
  const alive = () => all.filter(({ pid }) => pid !== undefined);
  const ownerOf = async (key: string): Promise<PrivateRedis> => {
    const slot = slotOf(key);
    for (const redis of alive()) {
      const lines = String(await redis.command("CLUSTER", "NODES")).split("\n");
      const myself = lines.find((line) => line.includes("myself,master"));
      if (myself !== undefined && slotsIn(myself).some(([a, b]) => a <= slot && slot <= b)) {
        return redis;
      }
    }
    throw new Error(`nobody has slot ${slot}`);
  };
  return {
    nodes: all.map(({ port }) => `127.0.0.1:${port}`).join(","),
    ownerOf,
    async moveSlotOf(key: string, to: PrivateRedis): Promise<void> {
      const slot = slotOf(key);
      const from = await ownerOf(key);
      const [fromId, toId] = await Promise.all(
        [from, to].map(async (redis) => String(await redis.command("CLUSTER", "MYID"))),
      );
      await to.command("CLUSTER", "SETSLOT", slot, "IMPORTING", fromId ?? "");
      await from.command("CLUSTER", "SETSLOT", slot, "MIGRATING", toId ?? "");
      for (;;) {
        const keys = (await from.command("CLUSTER", "GETKEYSINSLOT", slot, 20)) as string[];
        if (keys.length === 0) break;
        const as = acl === undefined ? [] : ["AUTH2", acl.username, acl.password];
        await from.command("MIGRATE", "127.0.0.1", to.port, "", 0, 5_000, ...as, "KEYS", ...keys);
      }
      for (const redis of [to, from]) {
        await redis.command("CLUSTER", "SETSLOT", slot, "NODE", toId ?? "");
      }
    },
    async locks() {
      const cluster = new Cluster(
        alive().map(({ port }) => ({ host: "127.0.0.1", port })),
        {
          redisOptions: {
            ...(acl && { username: acl.username, password: acl.password }),
            ...(tls && { tls: { rejectUnauthorized: false, ...(servername && { servername }) } }),
          },
        },
      );
      cluster.on("error", () => undefined);
      try {
        const found = new Map<string, string | null>();
        for (const redis of alive()) {
          if (!String(await redis.command("ROLE")).startsWith("master")) continue;
          for (const key of (await redis.command("KEYS", "ecs:*:lock:*")) as string[]) {
            found.set(key, await cluster.hget(key, "owner"));
          }
        }
        return found;
      } finally {
        cluster.disconnect();
      }
    },
  };
}

/** `… connected 0-5460 5470 [5461->-…]`: ranges and single slots, without those on their way. */
function slotsIn(line: string): readonly (readonly [number, number])[] {
  return line
    .split(" ")
    .slice(8)
    .filter((word) => /^\d+(-\d+)?$/.test(word))
    .map((word) => {
      const [from = 0, to = from] = word.split("-").map(Number);
      return [from, to];
    });
}
