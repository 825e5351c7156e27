import { z } from "zod";
import { script } from "./script.ts";

export const cancelScript = script({
  name: "cancel",
  keys: ["cmd"],
  argument: z.object({}),
  answer: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("requested"), phase: z.string() }),
    z.object({ kind: z.literal("too-late"), phase: z.string() }),
    z.object({ kind: z.literal("ended"), outcome: z.string() }),
    z.object({ kind: z.literal("unheard-of") }),
  ]),
});
