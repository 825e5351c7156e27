import { z } from "zod";
import { Brake } from "../contract/brakes.ts";
import { type Candidate, waitFor } from "./decide-admission.ts";
import type { Decision } from "./decision.ts";
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
  return waitFor(candidate, hold.brake, moment, {
    detail: describeHold(hold),
    before,
    data: { brake: brakeData(hold) },
  });
}

/** In one sentence, for events, dry runs and people. */
export function describeHold(hold: Hold): string {
  const { scope, by, sinceMs, reason } = hold;
  if (scope === "configuration") return "reinstalls are paused by the worker's configuration";
  const who = by === undefined ? "" : ` by ${by}`;
  const since = sinceMs === undefined ? "" : ` since ${new Date(sinceMs).toISOString()}`;
  const why = reason === undefined ? "" : `: ${reason}`;
  return `reinstalls are paused (${scope})${who}${since}${why}`;
}

/** The same in fields, as `waiting` events carry it. */
function brakeData({ brake, scope, by, sinceMs, reason }: Hold) {
  return {
    name: brake,
    scope,
    ...(by === undefined ? {} : { by }),
    ...(sinceMs === undefined ? {} : { since: new Date(sinceMs).toISOString() }),
    ...(reason === undefined ? {} : { reason }),
  };
}
