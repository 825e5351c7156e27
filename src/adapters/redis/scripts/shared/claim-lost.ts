import { z } from "zod";

/** Another delivery has the step (`claim_lost` in prelude.lua), or a sweeper the next one (`is_swept`). */
export const Fenced = z.object({ kind: z.literal("fenced") });

/** The store has no record any more, or none of that epoch. */
export const Forgotten = z.object({ kind: z.literal("forgotten") });
