import { z } from "zod";
import type { CommandId, ServerId } from "./ids.ts";
import type { OperatorAction } from "./operator-actions.ts";

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
/** One of {@link OVERRIDABLE_BRAKES}. */
export type OverridableBrake = (typeof OVERRIDABLE_BRAKES)[number];

/** What a pause covers: `everything`, `project`, `group:<name>` or `server:<id>`. */
export const PauseScope = z
  .string()
  .regex(/^(everything|project|group:[A-Za-z0-9._-]{1,64}|server:[0-9a-f-]{36})$/);
export type PauseScope = z.infer<typeof PauseScope>;

/** A server that people keep from any reinstall. */
const Protection = z.string().regex(/^protected:[0-9a-f-]{36}$/);

/** Name of the switch that protects a server. */
export function protectionOf(server: ServerId): SwitchName {
  return `protected:${server}`;
}

/** A server out of quarantine. */
const Release = z.string().regex(/^released:[0-9a-f-]{36}$/);

/** Name of the switch that lets a server out of quarantine: what was before it does not count. It is always off. */
export function releaseOf(server: ServerId): SwitchName {
  return `released:${server}`;
}

/** A command that a person has approved. */
const Approval = z.string().regex(/^approved:[A-Za-z0-9._:-]{1,128}$/);

/** Name of the switch that approves a command: its brake is lifted for it, so the switch is always off. */
export function approvalOf(command: CommandId): SwitchName {
  return `approved:${command}`;
}

/** Brakes that workers set by themselves, and people lift by name. */
export const STORMS = ["storm-failures", "storm-asks"] as const;
export type StormName = (typeof STORMS)[number];

/** What is switched on and off: a pause, by its scope, the protection of a server, its quarantine, an approval, or a storm. */
export const SwitchName = z.union([PauseScope, Protection, Release, Approval, z.enum(STORMS)]);
export type SwitchName = z.infer<typeof SwitchName>;

/** A switch of a project, on or off, as the store and every worker keep it. */
export const SwitchEntry = z.object({
  /** False: lifted. It is kept for a while, so that who remembers it as standing learns better. */
  on: z.boolean(),
  /** When it was set or lifted, epoch ms by the store's clock; the newest entry of a name counts. */
  atMs: z.number(),
  /** Who did it. */
  by: z.string(),
  reason: z.string(),
  /** Of a storm of asks: its first ask, epoch ms. */
  sinceMs: z.number().optional(),
  /** Of a storm that a person lifted: it does not set itself before, epoch ms by the store's clock. */
  untilMs: z.number().optional(),
});
export type SwitchEntry = z.infer<typeof SwitchEntry>;

/** What a person does who sets a switch, or lifts it. */
export function actionOf(name: SwitchName, on: boolean): OperatorAction {
  if (name.startsWith("released:")) return "release";
  if (name.startsWith("approved:")) return "approve";
  if (name.startsWith("protected:")) return on ? "protect" : "unprotect";
  return on ? "pause" : "resume";
}

/** What a switch is about, for the list of what people do. */
export function subjectOf(name: SwitchName) {
  const [, kind, id] = /^(protected|released|server|approved):(.+)$/.exec(name) ?? [];
  if (id === undefined) return { scope: name };
  return kind === "approved" ? { command: id } : { scope: name, server: id };
}

/** Which brake a switch belongs to. */
export function brakeOf(name: SwitchName): Brake {
  if (name.startsWith("protected:")) return "protected";
  if (name.startsWith("released:")) return "quarantine";
  if (name.startsWith("approved:")) return "approval";
  return STORMS.find((storm) => storm === name) ?? "pause";
}

/**
 * The command line that lifts a brake which workers set by themselves; undefined: it is no such brake. It names the project: who types
 * it may have another one as the first of ECS_PROJECTS, and would lift that.
 */
export function liftOf(brake: string | undefined, project: string): string | undefined {
  const storm = STORMS.find((one) => one === brake);
  return storm && `ecs-reinstall resume ${storm} --project ${project} --reason …`;
}
