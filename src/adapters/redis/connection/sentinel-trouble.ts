import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { Redis } from "ioredis";

export interface SentinelAccess {
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly tls: ConnectionOptions | undefined;
  readonly timeoutMs: number;
}

/**
 * Says why no Sentinel can be reached. The library swallows what happened to its connections and says "Connection is
 * closed"; so one of them is tried once more, as far as the handshake, and the reason is emitted as the client's error.
 */
export function explainSentinels(redis: Redis, access: SentinelAccess): void {
  let busy = false;
  const explain = async () => {
    const [first] = access.hosts;
    if (busy || first === undefined) return;
    busy = true;
    const problem = await problemOf(first, access);
    busy = false;
    if (problem === null || redis.status !== "connecting") return;
    redis.emit("error", new Error(`Sentinel ${first.host}:${first.port}: ${problem}`));
  };
  redis.on("error", (error: Error) => {
    if (error.message.startsWith("All sentinels are")) void explain();
  });
}

/** Null: it can be connected to. */
function problemOf(
  at: { readonly host: string; readonly port: number },
  { tls, timeoutMs }: SentinelAccess,
): Promise<string | null> {
  return new Promise((resolve) => {
    const done = (problem: string | null) => {
      socket.destroy();
      resolve(problem);
    };
    const socket: Socket = tls === undefined ? connect(at) : connectTls({ ...tls, ...at });
    socket.setTimeout(timeoutMs, () => done("does not answer"));
    socket.once("error", (error) => done(error.message));
    socket.once(tls === undefined ? "connect" : "secureConnect", () => done(null));
  });
}
