import { z } from "zod";
import { script } from "./script.ts";

export const pruneLockScript = script({
  name: "prune-lock",
  keys: ["lock"],
  argument: z.object({}),
  answer: z.object({ kind: z.literal("saved") }),
});
