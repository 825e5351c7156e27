import { z } from "zod";

/** The limits of the brakes, as one worker has them configured. 0 turns a number off. Milliseconds throughout. */
export const BrakeRules = z.object({
  /** `BRAKES_PAUSED`: this worker starts nothing new, whatever the store says. */
  pausedByConfiguration: z.boolean(),
});
export type BrakeRules = Readonly<z.infer<typeof BrakeRules>>;
