import { z } from "zod";
import { script } from "../script.ts";

export const publishedAuditScript = script({
  lua: new URL("./published-audit.lua", import.meta.url),
  keys: ["published", "lease"],
  argument: z.object({
    lease: z.string(),
    /** Number of the last entry that was published before. */
    after: z.int(),
    /** Null: none was published. */
    upTo: z.int().nullable(),
  }),
  answer: z.object({ kind: z.literal("saved") }),
});
