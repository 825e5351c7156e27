import type { Clock } from "../../steps/ports/clock.ts";
import type { SharedRefusals } from "../cloud/credentials/shared-refusals.ts";
import type { RedisClient } from "./connection/client.ts";
import { refusalsKey } from "./keys.ts";

export interface SharedRefusalsOptions {
  readonly redis: RedisClient;
  readonly clock: Pick<Clock, "monotonicMs" | "nonce">;
  /** Redis is there and does not let us: reported once for each new reason. */
  readonly onTrouble: (message: string) => void;
}

/** What was read is good for so long: one look a second, however many requests there are. */
const LOOK_MS = 1_000;
/** Longer than any request may take; after that a turn whose holder died is free again. */
const TURN_MS = 30_000;

/** The counts in Redis: `ecs:refusals:{<name>}`, and beside it whose turn it is. The name is a hash. */
export function createSharedRefusals(options: SharedRefusalsOptions): SharedRefusals {
  const { redis, clock, onTrouble } = options;
  type Looked = Awaited<ReturnType<SharedRefusals["look"]>>;
  const looks = new Map<string, { readonly atMs: number; readonly found: Promise<Looked> }>();
  let reported = "";

  /** Away is no news here: the connection's own state says it. */
  async function unlessAway<T>(asked: () => Promise<T>): Promise<T | null> {
    if (redis.status !== "ready") return null;
    try {
      return await asked();
    } catch (error) {
      const message = reasonOf(error);
      if (message.startsWith("NOPERM") && message !== reported) onTrouble(message);
      reported = message;
      return null;
    }
  }

  function read(name: string): Promise<Looked> {
    return unlessAway(async () => {
      const key = refusalsKey(name);
      const [refusals, leftMs] = await inOne(redis.multi().get(key).pttl(key));
      return { refusals: Number(refusals ?? 0), forMs: Math.max(0, Number(leftMs)) };
    });
  }

  return {
    look(name) {
      const last = looks.get(name);
      if (last !== undefined && clock.monotonicMs() - last.atMs < LOOK_MS) return last.found;
      const found = read(name);
      // Of the present credentials only: a key is replaced now and then.
      looks.clear();
      looks.set(name, { atMs: clock.monotonicMs(), found });
      return found;
    },

    refused(name, atLeast, forMs) {
      looks.delete(name);
      return unlessAway(async () => {
        const key = refusalsKey(name);
        const [total] = await inOne(redis.multi().incr(key).pexpire(key, forMs));
        if (Number(total) >= atLeast) return Number(total);
        // They were forgotten meanwhile; this replica has not.
        await redis.set(key, atLeast, "PX", forMs);
        return atLeast;
      });
    },

    async proven(name) {
      looks.delete(name);
      await unlessAway(() => redis.del(refusalsKey(name)));
    },

    async takeTurn(name) {
      const key = `${refusalsKey(name)}:turn`;
      const holder = clock.nonce();
      const taken = await unlessAway(async () => [
        await redis.set(key, holder, "PX", TURN_MS, "NX"),
      ]);
      if (taken !== null && taken[0] === null) return null;
      return {
        async end() {
          await unlessAway(async () => {
            if ((await redis.get(key)) === holder) await redis.del(key);
          });
        },
      };
    },
  };
}

/** A transaction that Redis refuses says why in the errors before it. */
function reasonOf(error: unknown): string {
  const { previousErrors } = error as { readonly previousErrors?: readonly Error[] };
  if (previousErrors?.[0] !== undefined) return previousErrors[0].message;
  return error instanceof Error ? error.message : String(error);
}

/** The replies of a transaction; rejects with the first error among them. */
async function inOne(transaction: ReturnType<RedisClient["multi"]>): Promise<unknown[]> {
  const replies = (await transaction.exec()) ?? [];
  return replies.map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
}
