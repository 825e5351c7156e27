import { z } from "zod";
import { Brake, liftOf } from "../../contract/brakes.ts";
import { CAP_SAYS, describeCap } from "./cap-hold.ts";
import { Closed, describeClosed } from "./windows.ts";

/**
 * A brake that holds a command, as the gate answered (`adapters/redis/scripts/shared/brakes.lua`): which one, and what a
 * person wants to know of it. `wait`: it is asked again later; `no`: the command ends.
 */
export const Hold = z.discriminatedUnion("brake", [
  z.object({
    brake: z.literal("pause"),
    verdict: z.literal("wait"),
    /** `everything`, `project`, `group:<name>`, `server:<id>`; `configuration`: this worker's own `BRAKES_PAUSED`. */
    scope: z.string(),
    /** Since when, epoch ms by the store's clock. Unknown for a pause by configuration, or by an older version. */
    sinceMs: z.number().optional(),
    /** Who paused it. */
    by: z.string().optional(),
    reason: z.string().optional(),
  }),
  z.object({
    brake: z.literal("protected"),
    verdict: z.literal("no"),
    /**
     * Where that is said: `configuration` (`BRAKES_PROTECTED`), `operator` (`ecs-reinstall protect`), or the server's own
     * `cloud mark`, which a look shows and no script (core/brakes/cloud-mark.ts).
     */
    scope: z.enum(["configuration", "operator", "cloud mark"]),
    /** Since when, epoch ms by the store's clock. */
    sinceMs: z.number().optional(),
    by: z.string().optional(),
    reason: z.string().optional(),
  }),
  z.object({
    brake: z.literal("storm-failures"),
    verdict: z.literal("wait"),
    sinceMs: z.number(),
    /** What failed, as it was counted. */
    reason: z.string(),
    /** The command that goes as the probe. */
    probe: z.string().optional(),
    /** Before that nothing goes; absent: the probe is on its way. */
    untilMs: z.number().optional(),
  }),
  z.object({
    brake: z.literal("cooldown"),
    verdict: z.literal("wait"),
    untilMs: z.number(),
    /** Whose reinstall the server rests from, and when that ended, epoch ms. */
    command: z.string(),
    endedMs: z.number(),
  }),
  z.object({
    brake: z.literal("quarantine"),
    verdict: z.literal("no"),
    /** So many reinstalls are carried out within the window. */
    limit: z.number(),
    windowMs: z.number(),
    /** The server's reinstalls of the window, the oldest first. */
    reinstalls: z.array(
      z.object({
        command: z.string(),
        /** Of its intent, epoch ms by the store's clock. */
        atMs: z.number(),
        /** What its command said. */
        source: z.string().optional(),
        reason: z.string().optional(),
        /** Its final event, or what was found out after `unresolved`; absent: it goes on. */
        outcome: z.string().optional(),
      }),
    ),
  }),
  z.object({
    brake: z.literal("approval"),
    verdict: z.literal("wait"),
    /** Of whose commands one is needed: `all`, `group:<name>`. */
    scope: z.string(),
    /** The one to be approved. */
    command: z.string(),
  }),
  z.object({
    brake: z.literal("source"),
    verdict: z.literal("wait"),
    /** When the oldest start that counts is an hour old. */
    untilMs: z.number(),
    /** So many commands of the source may start within an hour. */
    limit: z.number(),
    /** Absent: the command has none. */
    source: z.string().optional(),
  }),
  z.object({
    brake: z.literal("sender"),
    verdict: z.literal("wait"),
    /** When the oldest start that counts is an hour old. */
    untilMs: z.number(),
    /** So many commands of the sender may start within an hour. */
    limit: z.number(),
    /** The broker user. */
    sender: z.string(),
  }),
  z.object({ brake: z.literal("windows"), verdict: z.literal("wait"), ...Closed.shape }),
  z.object({ brake: z.literal("cap"), ...CAP_SAYS }),
  z.object({ brake: z.literal("group-cap"), ...CAP_SAYS }),
  z.object({
    brake: z.literal("not-before"),
    verdict: z.literal("wait"),
    /** The command's `not_before`, epoch ms. */
    untilMs: z.number(),
  }),
]);
export type Hold = z.infer<typeof Hold>;

/** A brake that holds nobody itself: it lowers the cap, which says so of whom it holds (`loweredBy`). */
export const Slows = z.object({
  brake: z.literal("storm-asks"),
  verdict: z.literal("wait"),
  sinceMs: z.number(),
  /** How many servers were asked for. */
  reason: z.string(),
});
export type Slows = z.infer<typeof Slows>;

/** What one brake says of a command. */
export const BrakeVerdict = z.union([
  z.object({
    brake: Brake,
    verdict: z.literal("go"),
    /** The command lifts it for itself; what it would say was not asked. */
    overridden: z.boolean().optional(),
    /** Of an approval: who gave it, when (epoch ms by the store's clock) and why. */
    by: z.string().optional(),
    sinceMs: z.number().optional(),
    reason: z.string().optional(),
  }),
  Hold,
  Slows,
]);
export type BrakeVerdict = z.infer<typeof BrakeVerdict>;

/** In one sentence; null: it says go, and there is no more to say. */
export function describeVerdict(said: BrakeVerdict, project: string): string | null {
  if (said.verdict !== "go") return describeHold(said, project);
  if (said.overridden === true) return "lifted by the command's override";
  return said.by === undefined ? null : `approved${setBy(said)}`;
}

/** In one sentence, for events, dry runs and people. `project`: the command's, for command lines that people type. */
export function describeHold(hold: Hold | Slows, project: string): string {
  switch (hold.brake) {
    case "pause":
      return hold.scope === "configuration"
        ? "reinstalls are paused by the worker's configuration"
        : `reinstalls are paused (${hold.scope})${setBy(hold)}`;
    case "protected":
      return describeProtection(hold);
    case "storm-failures": {
      const next =
        hold.untilMs === undefined
          ? `waits for ${hold.probe} to end`
          : `one command goes after ${instant(hold.untilMs)}`;
      return `stopped${since(hold)}: ${hold.reason}; ${next}, or: ${liftOf(hold.brake, project)}`;
    }
    case "storm-asks":
      return `one reinstall at a time${since(hold)}: ${hold.reason}; to lift: ${liftOf(hold.brake, project)}`;
    case "cooldown":
      return `the server was reinstalled by ${hold.command} until ${instant(hold.endedMs)}: not again before ${instant(hold.untilMs)}`;
    case "quarantine": {
      const { reinstalls, limit, windowMs } = hold;
      return `the server was reinstalled ${reinstalls.length} times within ${windowMs / 1000} s (at most ${limit}), last by ${reinstalls.at(-1)?.command}`;
    }
    case "approval":
      return `a person must approve it (${hold.scope}): ecs-reinstall approve ${hold.command} --project ${project} --reason …`;
    case "source": {
      return `commands with ${sourceInWords(hold.source)} have started ${hold.limit} reinstalls within an hour, as many as may: not before ${instant(hold.untilMs)}`;
    }
    case "sender":
      return `commands of the broker user ${hold.sender} have started ${hold.limit} reinstalls within an hour, as many as may: not before ${instant(hold.untilMs)}`;
    case "windows":
      return describeClosed(hold);
    case "cap":
      return describeCap("project", hold, project);
    case "group-cap":
      return describeCap("group", hold, project);
    case "not-before":
      return `not before ${instant(hold.untilMs)}`;
  }
}

function describeProtection(hold: Extract<Hold, { brake: "protected" }>): string {
  switch (hold.scope) {
    case "configuration":
      return "the server is protected by the worker's configuration";
    case "operator":
      return `the server is protected${setBy(hold)}`;
    case "cloud mark":
      return `the server is protected by its mark in the cloud: ${hold.reason}`;
  }
}

function setBy({ by, sinceMs, reason }: SetBy): string {
  const who = by === undefined ? "" : ` by ${by}`;
  const why = reason === undefined ? "" : `: ${reason}`;
  return `${who}${since({ sinceMs })}${why}`;
}

function since(hold: { readonly sinceMs?: number | undefined }): string {
  const said = sinceOf(hold);
  return said === undefined ? "" : ` since ${said}`;
}

/** Since when a switch is set, as events carry it; undefined: not known. An entry that cannot be read is of the time 0. */
export function sinceOf({ sinceMs = 0 }: { readonly sinceMs?: number | undefined }) {
  return sinceMs === 0 ? undefined : instant(sinceMs);
}

type SetBy = Partial<Pick<Extract<Hold, { brake: "pause" }>, "by" | "sinceMs" | "reason">>;

/** As events carry it. */
export function instant(ms: number): string {
  return new Date(ms).toISOString();
}

function sourceInWords(source: string | undefined): string {
  if (source === undefined) return "no source";
  return source.trim() === "" ? "an empty source" : `the source ${source}`;
}
