import { Cluster, type Redis } from "ioredis";
import type { RedisClient } from "./client.ts";

/** The user and password of the moment. */
export interface Credentials {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/**
 * Gives every open connection the credentials that have changed. An open connection does not need them, but it is how one
 * hears early that they are wrong: a refused AUTH leaves it as it was. New connections take the present ones anyway.
 * Gives what was refused, in words.
 */
export async function reauthenticate(
  redis: RedisClient,
  { username, password }: Credentials,
): Promise<readonly string[]> {
  if (password === undefined) return [];
  const nodes = redis instanceof Cluster ? redis.nodes("all") : [redis];
  const refused = await Promise.all(
    nodes
      .filter(({ status }) => status === "ready")
      .map(async (node) => {
        try {
          await (username === undefined ? node.auth(password) : node.auth(username, password));
          return null;
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error);
          return redis instanceof Cluster ? `${addressOf(node)}: ${message}` : message;
        }
      }),
  );
  return refused.filter((one) => one !== null);
}

function addressOf({ options }: Redis): string {
  return `${options.host}:${options.port}`;
}
