import { Cluster } from "ioredis";
import type { RedisClient } from "./client.ts";

/**
 * Which process of Redis is behind the connection: its `run_id`, read once for each connection. A restart or a failover
 * ends the connections to the process that it replaces, so what was read on one holds as long as it is open.
 */
export interface RunIds {
  /**
   * For a command that is written in this very turn: before the next one the connection may be another. Empty: the server
   * is to be asked by the script itself. Undefined: not known yet.
   */
  known(): string | undefined;
  /** Asks on the present connection. Rejects like every command. */
  read(): Promise<void>;
}

export interface RunIdOptions {
  /** A proxy may put another server behind an open connection: each script asks. */
  readonly behindProxy: boolean;
}

export function createRunIds(redis: RedisClient, { behindProxy }: RunIdOptions): RunIds {
  // A redirected command goes to another node than the one that it was made for.
  if (behindProxy || redis instanceof Cluster) return ASKED_BY_EACH;
  const ids = new WeakMap<object, string>();
  const asking = new WeakMap<object, Promise<void>>();
  const ask = async (connection: object) => {
    const text = await redis.info("server");
    // The answer may be of a connection that was opened meanwhile.
    if (redis.stream === connection) ids.set(connection, RUN_ID.exec(text)?.[1] ?? "");
  };
  return {
    known() {
      const { status, stream } = redis;
      // What is not written at once must not carry the name of a connection that is gone.
      return status === "ready" && stream.writable ? ids.get(stream) : "";
    },
    async read() {
      const { stream } = redis;
      const asked = asking.get(stream) ?? ask(stream).finally(() => asking.delete(stream));
      asking.set(stream, asked);
      await asked;
    },
  };
}

const RUN_ID = /^run_id:([0-9a-f]+)/m;

const ASKED_BY_EACH: RunIds = { known: () => "", read: () => Promise.resolve() };
