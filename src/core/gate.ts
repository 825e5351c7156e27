import { z } from "zod";
import { Brake } from "../contract/brakes.ts";
import { type Candidate, waitFor } from "./decide-admission.ts";
import { type Decision, final } from "./decision.ts";
import { rejected } from "./events.ts";
import type { Moment } from "./moment.ts";
import type { Before } from "./state.ts";

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
    /** Where that is said: `configuration` (`BRAKES_PROTECTED`), or `operator` (`ecs-reinstall protect`). */
    scope: z.enum(["configuration", "operator"]),
    /** Since when, epoch ms by the store's clock. */
    sinceMs: z.number().optional(),
    by: z.string().optional(),
    reason: z.string().optional(),
  }),
]);
export type Hold = z.infer<typeof Hold>;

/** What one brake says of a command. */
export const BrakeVerdict = z.union([z.object({ brake: Brake, verdict: z.literal("go") }), Hold]);
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
  if (hold.verdict === "no" && candidate.doubt !== true) return endedBy(hold);
  return waitFor(candidate, hold.brake, moment, {
    detail: describeHold(hold),
    before,
    data: { brake: brakeData(hold) },
  });
}

function endedBy(hold: Extract<Hold, { verdict: "no" }>): Decision {
  const { event, data } = rejected([
    { path: "server_id", code: "protected", message: describeHold(hold) },
  ]);
  return final({ event, data: { ...data, brake: brakeData(hold) } });
}

/** In one sentence, for events, dry runs and people. */
export function describeHold(hold: Hold): string {
  switch (hold.brake) {
    case "pause":
      return hold.scope === "configuration"
        ? "reinstalls are paused by the worker's configuration"
        : `reinstalls are paused (${hold.scope})${setBy(hold)}`;
    case "protected":
      return hold.scope === "configuration"
        ? "the server is protected by the worker's configuration"
        : `the server is protected${setBy(hold)}`;
  }
}

function setBy({ by, sinceMs, reason }: Pick<Hold, "by" | "sinceMs" | "reason">): string {
  const who = by === undefined ? "" : ` by ${by}`;
  const since = sinceMs === undefined ? "" : ` since ${new Date(sinceMs).toISOString()}`;
  const why = reason === undefined ? "" : `: ${reason}`;
  return `${who}${since}${why}`;
}

/** The same in fields, as events carry it. */
function brakeData({ brake, scope, by, sinceMs, reason }: Hold) {
  return {
    name: brake,
    scope,
    ...(by === undefined ? {} : { by }),
    ...(sinceMs === undefined ? {} : { since: new Date(sinceMs).toISOString() }),
    ...(reason === undefined ? {} : { reason }),
  };
}
