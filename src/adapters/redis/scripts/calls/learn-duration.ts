import { z } from "zod";
import { script } from "../script.ts";

export const learnDurationScript = script({
  lua: new URL("./learn-duration.lua", import.meta.url),
  keys: ["durations"],
  argument: z.object({
    kind: z.string(),
    tookMs: z.int(),
    /** So many of each kind are kept. */
    keep: z.int(),
    /** Nothing is kept of a project that nothing succeeds in for so long. */
    ttlMs: z.int(),
  }),
  answer: z.discriminatedUnion("kind", [
    /** The latest first. */
    z.object({ kind: z.literal("kept"), tookMs: z.array(z.number()) }),
  ]),
});
