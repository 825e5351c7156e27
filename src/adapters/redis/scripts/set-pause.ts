import { z } from "zod";
import { script } from "./script.ts";

export const setPauseScript = script({
  name: "set-pause",
  keys: ["pauses", "paused"],
  argument: z.object({ scope: z.string(), on: z.boolean(), by: z.string(), reason: z.string() }),
  answer: z.object({
    kind: z.literal("set"),
    /** Epoch ms. */
    atMs: z.number(),
    wasOn: z.boolean(),
  }),
});
