import { z } from "zod";
import type { ListRules } from "../../../../core/calls/list-round.ts";
import { script } from "../script.ts";

/** As both scripts are given them. */
export const Rules: z.ZodType<ListRules> = z.object({
  freshMs: z.int(),
  windowMs: z.int(),
  leaseMs: z.int(),
  holdMs: z.int(),
  longestHoldMs: z.int(),
  worth: z.number(),
});

export const listRoundScript = script({
  lua: new URL("./list-round.lua", import.meta.url),
  keys: ["round"],
  argument: z.object({
    rules: Rules,
    /** Nothing is kept of a project in which nothing is polled for so long. */
    ttlMs: z.int(),
  }),
  answer: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("alone"), why: z.enum(["few", "held"]) }),
    z.object({ kind: z.literal("listed"), atMs: z.number() }),
    z.object({ kind: z.literal("listing"), begunMs: z.number() }),
    z.object({ kind: z.literal("awaited") }),
  ]),
});
