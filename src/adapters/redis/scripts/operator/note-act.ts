import { z } from "zod";
import { ActArgument } from "../shared/act-argument.ts";
import { script } from "../script.ts";

export const noteActScript = script({
  lua: new URL("./note-act.lua", import.meta.url),
  keys: ["audit"],
  argument: z.object({ act: ActArgument }),
  answer: z.discriminatedUnion("kind", [z.object({ kind: z.literal("noted") })]),
});
