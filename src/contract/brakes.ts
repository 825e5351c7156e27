import { z } from "zod";

/** Every rule that can hold a command back or end it before it reaches the cloud: one closed list of names. */
export const Brake = z.enum([
  "pause",
  "protected",
  "cap",
  "group-cap",
  "cooldown",
  "quarantine",
  "storm-failures",
  "storm-asks",
  "sender",
  "source",
  "windows",
  "approval",
  "not-before",
]);
export type Brake = z.infer<typeof Brake>;

/** Brakes that `BRAKES_OVERRIDABLE` may let a command lift for itself; all others hold for everybody. */
export const OVERRIDABLE_BRAKES = ["cooldown", "quarantine", "windows", "source"] as const;

/** What a pause covers: `everything`, `project`, `group:<name>` or `server:<id>`. */
export const PauseScope = z
  .string()
  .regex(/^(everything|project|group:[A-Za-z0-9._-]{1,64}|server:[0-9a-f-]{36})$/);
export type PauseScope = z.infer<typeof PauseScope>;

/** A pause of one scope, standing or lifted, as the store and every worker keep it. */
export const PauseEntry = z.object({
  /** False: lifted. It is kept for a while, so that who remembers it as standing learns better. */
  on: z.boolean(),
  /** When it was set or lifted, epoch ms by the store's clock; the newest entry of a scope counts. */
  atMs: z.number(),
  /** Who did it. */
  by: z.string(),
  reason: z.string(),
});
export type PauseEntry = z.infer<typeof PauseEntry>;
