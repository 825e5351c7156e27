import { z } from "zod";
import { script } from "../script.ts";

export const openEpochScript = script({
  lua: new URL("./open-epoch.lua", import.meta.url),
  keys: ["epoch"],
  argument: z.object({
    candidate: z.string(),
    /** Only a memory that began this recently is opened. */
    recentMs: z.number(),
  }),
  answer: z.object({ kind: z.literal("saved") }),
});
