import { ProjectId } from "../../contract/ids.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { SharedRefusals } from "../cloud/credentials/shared-refusals.ts";
import type { RedisClient } from "./connection/client.ts";
import { refusalsKey } from "./keys.ts";

export interface SharedRefusalsOptions {
  readonly redis: RedisClient;
  readonly clock: Pick<Clock, "monotonicMs" | "nonce" | "sleep">;
  /** Redis is there and does not let us: reported once for each new reason. */
  readonly onTrouble: (message: string) => void;
}

/** What was read is good for so long: one look a second, however many requests there are. */
const LOOK_MS = 1_000;
/** A turn whose holder was killed, or stands still, is free again after that. One that lives renews it, for as long as a request may take. */
const TURN_MS = 4_000;
const RENEW_MS = 1_000;
const LONGEST_TURN_MS = 30_000;
/** Most turns are over in a fraction of a second. Whoever waits has a delivery in hand. */
const TURN_LOOKS = 20;
const TURN_LOOK_MS = 100;
/** For people, and in an event. */
const LONGEST_WHY = 500;

/** The counts in Redis: `ecs:refusals:{<name>}`, beside it the last refusal's words and project, and whose turn it is. The name is a hash. */
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
      const asked = redis.multi().get(key).pttl(key).get(whyKey(name)).get(projectKey(name));
      const [refusals, leftMs, why, about] = await inOne(asked);
      const forMs = Math.max(0, Number(leftMs));
      const project = ProjectId.safeParse(about).data;
      return {
        refusals: Number(refusals ?? 0),
        forMs,
        why: typeof why === "string" ? why : null,
        ...(project && { project }),
      };
    });
  }

  /** Until what it returns is called. A timer of the process itself: it renews nothing while the process stands still. */
  function renewed(key: string, holder: string): () => void {
    let leftMs = LONGEST_TURN_MS - TURN_MS;
    const timer = setInterval(() => {
      leftMs -= RENEW_MS;
      if (leftMs < RENEW_MS) clearInterval(timer);
      void unlessAway(async () => {
        if ((await redis.get(key)) === holder) await redis.pexpire(key, TURN_MS);
      });
    }, RENEW_MS);
    timer.unref();
    return () => clearInterval(timer);
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

    refused(name, atLeast, { forMs, why, project }) {
      looks.delete(name);
      return unlessAway(async () => {
        const key = refusalsKey(name);
        const counting = redis.multi().incr(key).pexpire(key, forMs);
        if (why !== null) counting.set(whyKey(name), why.slice(0, LONGEST_WHY), "PX", forMs);
        if (project !== undefined) counting.set(projectKey(name), project, "PX", forMs);
        const [total] = await inOne(counting);
        if (Number(total) >= atLeast) return Number(total);
        // They were forgotten meanwhile; this replica has not.
        await redis.set(key, atLeast, "PX", forMs);
        return atLeast;
      });
    },

    async proven(name) {
      looks.delete(name);
      await unlessAway(() => redis.del(refusalsKey(name), whyKey(name), projectKey(name)));
    },

    async takeTurn(name, signal) {
      const key = `${refusalsKey(name)}:turn`;
      const holder = clock.nonce();
      const take = () =>
        unlessAway(async () => [await redis.set(key, holder, "PX", TURN_MS, "NX")]);
      let taken = await take();
      for (let looks = 0; looks < TURN_LOOKS && isAnothers(taken); looks += 1) {
        await clock.sleep(TURN_LOOK_MS, signal);
        if (signal.aborted) return null;
        taken = await take();
      }
      if (isAnothers(taken)) return null;
      // Whoever had it before may have been refused since the last look.
      looks.delete(name);
      const release = renewed(key, holder);
      return {
        async end() {
          release();
          await unlessAway(async () => {
            if ((await redis.get(key)) === holder) await redis.del(key);
          });
        },
      };
    },
  };
}

function whyKey(name: string): string {
  return `${refusalsKey(name)}:why`;
}

/** Which project the last one was about. */
function projectKey(name: string): string {
  return `${refusalsKey(name)}:project`;
}

/** Redis answered, and did not set it. */
function isAnothers(taken: readonly ("OK" | null)[] | null): boolean {
  return taken !== null && taken[0] === null;
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
