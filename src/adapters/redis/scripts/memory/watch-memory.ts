import { z } from "zod";
import { script } from "../script.ts";

/** A lock as it is remembered and put back: `phase` is `unresolved`, `operation` is `reinstall`. */
const RememberedLock = z.object({
  /** The command, as the lock says it. */
  owner: z.string(),
  token: z.int(),
  /** Epoch ms by the store's clock. */
  sinceMs: z.number(),
});

export const watchMemoryScript = script({
  lua: new URL("./watch-memory.lua", import.meta.url),
  // A look every few seconds: it sees, too, who is there behind a proxy.
  asksServer: true,
  keys: ["epoch", "token", "active"],
  argument: z.object({
    /** Name of this memory, where it has none yet. */
    candidate: z.string(),
    /** The memory that the worker saw last; null: it has seen none. */
    known: z.object({ origin: z.string(), run: z.string() }).nullable(),
    /** The locks of unresolved servers in that memory, by server. */
    locks: z.record(z.string(), RememberedLock),
  }),
  answer: z.object({
    kind: z.literal("seen"),
    /** Stays until the store is emptied. */
    origin: z.string(),
    /** `run_id` of the server that answers. */
    run: z.string(),
    /** Null: no script of a step has run since the store was emptied. */
    epoch: z
      .object({
        sinceMs: z.number(),
        /** Opened at once by who had just created the internal queues. */
        fresh: z.boolean(),
      })
      .nullable(),
    /** It gives new locks. */
    open: z.boolean(),
    /** Commands whose final event is not confirmed. */
    commands: z.int(),
    /** Locks of servers whose command ended `unresolved`, by server. */
    unresolved: z.record(z.string(), RememberedLock),
    /** Owners of the locks of other services, by server, as far as a command of ours has met them. */
    others: z.record(z.string(), z.string()),
    /** Owners of the locks that this run has put back, by server. */
    putBack: z.record(z.string(), z.string()),
  }),
});
