import { z } from "zod";
import { ActArgument } from "../shared/act-argument.ts";
import { script } from "../script.ts";

export const unlockScript = script({
  lua: new URL("./unlock.lua", import.meta.url),
  keys: ["lock", "cmd", "audit"],
  argument: z.object({
    act: ActArgument,
    owner: z.string(),
    /** Of a name that cannot be typed, from the answer before. */
    mark: z.string().nullable(),
  }),
  answer: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("freed"), owner: z.string() }),
    z.object({ kind: z.literal("not-locked") }),
    z.object({ kind: z.literal("held-by-another"), owner: z.string(), mark: z.string() }),
    z.object({ kind: z.literal("still-open"), owner: z.string() }),
  ]),
});
