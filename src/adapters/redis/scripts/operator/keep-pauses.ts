import { z } from "zod";
import { BrakeRules } from "../../../../core/brakes/brake-rules.ts";
import { RememberedSwitch } from "../../../../core/brakes/remembered-switch.ts";
import { script } from "../script.ts";

export const keepPausesScript = script({
  lua: new URL("./keep-pauses.lua", import.meta.url),
  keys: ["pauses", "seen", "storm", "waiting"],
  argument: z.object({
    /** By scope. */
    remembered: z.record(z.string(), RememberedSwitch),
    /** A lifted pause is remembered this long. */
    keepMs: z.number(),
    rules: BrakeRules,
  }),
  answer: z.object({
    kind: z.literal("kept"),
    // An entry that a later version wrote in another shape is not ours to judge: the gate's script does.
    entries: z.record(z.string(), z.unknown()),
    putBack: z.int(),
  }),
});
