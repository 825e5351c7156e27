import { z } from "zod";
import { ActArgument } from "../shared/act-argument.ts";
import { script } from "../script.ts";

export const setPauseScript = script({
  lua: new URL("./set-pause.lua", import.meta.url),
  keys: ["pauses", "paused", "audit"],
  argument: z.object({
    act: ActArgument,
    scope: z.string(),
    on: z.boolean(),
    /** Of a storm that is lifted: for so long it does not set itself; null: it may at once. */
    forMs: z.number().nullable(),
  }),
  answer: z.object({
    kind: z.literal("set"),
    /** Epoch ms. */
    atMs: z.number(),
    wasOn: z.boolean(),
  }),
});
