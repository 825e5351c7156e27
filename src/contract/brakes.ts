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
