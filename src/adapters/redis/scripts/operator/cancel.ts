import { z } from "zod";
import { ActArgument } from "../shared/act-argument.ts";
import { script } from "../script.ts";

export const cancelScript = script({
  lua: new URL("./cancel.lua", import.meta.url),
  keys: ["cmd", "audit"],
  argument: z.object({
    act: ActArgument,
    /** Phases in which it is too late. */
    sentPhases: z.array(z.string()),
  }),
  answer: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("requested"), phase: z.string() }),
    z.object({ kind: z.literal("too-late"), phase: z.string() }),
    z.object({ kind: z.literal("ended"), outcome: z.string() }),
    z.object({ kind: z.literal("unheard-of") }),
  ]),
});
