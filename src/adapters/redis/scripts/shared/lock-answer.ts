import { z } from "zod";
import { Hold } from "../../../../core/brakes/hold.ts";
import { shownOwner } from "../../../../core/state/lock-owner.ts";

/** A brake holds the command (brakes.lua). */
export const Held = z.object({ kind: z.literal("held"), hold: Hold });

/** No lock is given before `untilMs` (epoch ms): the store's memory is too young. */
export const Rebuilding = z.object({ kind: z.literal("rebuilding"), untilMs: z.number() });

/** The answer to a command that wants its server's lock (`try_lock` in prelude.lua, and what is asked before it). */
export const LockReply = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("acquired"),
    token: z.int(),
    callInMs: z.number().exactOptional(),
    history: z.enum(["known", "none", "lost"]),
  }),
  z.object({
    kind: z.literal("busy"),
    // Whatever another service calls itself.
    holder: z.string().transform(shownOwner),
    sameWish: z.boolean(),
  }),
  z.object({ kind: z.literal("superseded"), healedAtMs: z.number() }),
  Held,
  Rebuilding,
]);
