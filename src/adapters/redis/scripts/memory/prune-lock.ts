import { z } from "zod";
import { script } from "../script.ts";

export const pruneLockScript = script({
  lua: new URL("./prune-lock.lua", import.meta.url),
  keys: ["lock"],
  argument: z.object({}),
  answer: z.object({ kind: z.literal("saved") }),
});
