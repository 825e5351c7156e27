import { Cluster, Command, type Redis } from "ioredis";
import type { RedisClient } from "./client.ts";

/**
 * The server that has a key: on a Cluster the node that its slot belongs to, as far as this client knows. For what has
 * no key of its own (TIME, INFO): asked of the client, it would go to any node. Throws where no node is known.
 */
export function ownerOf(redis: RedisClient, key: string): Redis {
  if (!(redis instanceof Cluster)) return redis;
  const slot = new Command("get", [key]).getSlot();
  const [name] = slot === null ? [] : (redis.slots[slot] ?? []);
  const node = redis
    .nodes("master")
    .find(({ options }) => `${options.host}:${options.port}` === name);
  if (node === undefined) {
    throw new Error(`no node of the cluster serves slot ${slot}${name ? `: ${name} is away` : ""}`);
  }
  return node;
}

/** Every server that may be written to. */
export function primariesOf(redis: RedisClient): readonly Redis[] {
  return redis instanceof Cluster ? redis.nodes("master") : [redis];
}

/** Settled when every primary that is being connected to is there, or is not: none of them rejects. */
export async function whenConnected(redis: RedisClient): Promise<void> {
  await Promise.all(
    primariesOf(redis).map(async (node) => {
      if (!["connecting", "connect"].includes(node.status)) return;
      await new Promise<void>((resolve) => {
        node.once("ready", resolve);
        node.once("end", resolve);
      });
    }),
  );
}
