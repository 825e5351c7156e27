import { z } from "zod";
import { Learned, Standing } from "./calls.ts";
import { script } from "../script.ts";

export const learnRateScript = script({
  lua: new URL("./learn-rate.lua", import.meta.url),
  keys: ["calls"],
  argument: z.object({
    /** The version that `next` follows from. */
    seen: z.number(),
    /** Null: only says how things stand. */
    next: Learned.nullable(),
    passed: z.number().nullable(),
  }),
  answer: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("saved") }),
    z.object({ kind: z.literal("changed"), ...Standing }),
  ]),
});
