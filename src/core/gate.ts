import { z } from "zod";
import { Brake, liftOf } from "../contract/brakes.ts";
import { rungAtMost } from "./backoff.ts";
import { CAP_SAYS, capData, delayInLine } from "./cap-hold.ts";
import type { Candidate } from "./candidate.ts";
import { type Decision, final } from "./decision.ts";
import { rejected } from "./events.ts";
import { describeHold, instant } from "./hold-words.ts";
import type { Moment } from "./moment.ts";
import type { Before } from "./state.ts";
import { waitFor } from "./waiting.ts";
import { Closed } from "./windows.ts";

/**
 * A brake that holds a command, as the gate answered (`adapters/redis/scripts/brakes.lua`): which one, and what a
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
     * `cloud mark`, which a look shows and no script (core/cloud-mark.ts).
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

/**
 * The one place where a brake's answer becomes what happens to the command: nothing of it has been sent. A command that
 * waits asks again after a rung of the ladder, whatever the brake says of its end.
 */
export function heldBy(
  candidate: Candidate,
  hold: Hold,
  moment: Moment,
  before?: Before,
): Decision {
  // One that may have been carried out is not called rejected: it waits until that is proven, or its time is over.
  if (hold.verdict === "no" && candidate.mayHaveRun !== true) return endedBy(hold);
  return waitFor(candidate, hold.brake, moment, {
    detail: describeHold(hold),
    before,
    data: { brake: brakeData(hold) },
    ...plannedFor(hold, moment),
  });
}

/** Where it is known when it may go, it asks soon after; else ever more rarely. */
function plannedFor(
  hold: Hold,
  { nowMs, rules, random }: Moment,
): { readonly plannedMs?: number; readonly ahead?: number } {
  if ("ahead" in hold) {
    return { plannedMs: delayInLine(hold, rules.ladderMs, random), ahead: hold.ahead };
  }
  if (hold.brake !== "windows" || hold.untilMs === undefined) return {};
  return { plannedMs: rungAtMost(hold.untilMs - nowMs, rules.ladderMs) };
}

function endedBy(hold: Extract<Hold, { verdict: "no" }>): Decision {
  const message = describeHold(hold);
  const brake = brakeData(hold);
  switch (hold.brake) {
    case "protected": {
      const { event, data } = rejected([{ path: "server_id", code: "protected", message }]);
      return final({ event, data: { ...data, brake } });
    }
    case "quarantine":
      return final({
        event: "quarantined",
        data: {
          reinstalls: earlier(hold),
          limit: hold.limit,
          window_seconds: hold.windowMs / 1000,
          brake: { name: "quarantine", limit: hold.limit, detail: message },
          next_step:
            "Find out why this server is reinstalled again and again. Then: ecs-reinstall release SERVER_ID --reason ….",
        },
      });
  }
}

/** The same in fields, as events carry it. */
function brakeData(hold: Hold): Readonly<Record<string, unknown>> {
  const name = hold.brake;
  switch (hold.brake) {
    case "pause":
    case "protected": {
      const { scope, by, sinceMs, reason } = hold;
      const since = sinceMs === undefined ? undefined : instant(sinceMs);
      return present({ name, scope, by, since, reason });
    }
    case "storm-failures": {
      const { reason, sinceMs, untilMs, probe } = hold;
      const until = untilMs === undefined ? undefined : instant(untilMs);
      const lift = liftOf(name);
      return present({ name, since: instant(sinceMs), until, reason, command_id: probe, lift });
    }
    case "cooldown":
      return { name, until: instant(hold.untilMs), command_id: hold.command };
    case "quarantine":
      return { name, limit: hold.limit };
    case "approval":
      return { name, scope: hold.scope };
    case "source":
    case "sender":
      return { name, until: instant(hold.untilMs), limit: hold.limit };
    case "windows": {
      const until = hold.untilMs === undefined ? undefined : instant(hold.untilMs);
      return present({ name, until, reason: hold.reason });
    }
    case "cap":
    case "group-cap":
      return { name, ...capData(hold) };
    case "not-before":
      return { name, until: instant(hold.untilMs) };
  }
}

type Quarantine = Extract<Hold, { brake: "quarantine" }>;

function earlier({ reinstalls }: Quarantine): readonly Readonly<Record<string, unknown>>[] {
  return reinstalls.map(({ command, atMs, source, reason, outcome }) =>
    present({ command_id: command, at: instant(atMs), source, reason, outcome }),
  );
}

/** Without what is not known. */
function present(data: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined));
}
