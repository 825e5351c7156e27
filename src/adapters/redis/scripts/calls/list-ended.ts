import { z } from "zod";
import { Rules } from "./list-round.ts";
import { script } from "../script.ts";

export const listEndedScript = script({
  lua: new URL("./list-ended.lua", import.meta.url),
  keys: ["round", "list"],
  argument: z.object({
    begunMs: z.number(),
    rules: Rules,
    /** 0: it is not made. */
    pages: z.int(),
    list: z.string(),
    failed: z.boolean(),
    /** No list for so long at least. */
    atLeastMs: z.number(),
    /** How long the list is kept. */
    ttlMs: z.int(),
  }),
  answer: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("ended") }),
    /** It took too long, or was forgotten meanwhile: nothing is changed. */
    z.object({ kind: z.literal("late") }),
  ]),
});
