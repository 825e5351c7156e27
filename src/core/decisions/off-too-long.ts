import type { Moment } from "../moment.ts";
import { owesStart, unansweredStopMs } from "../server/power.ts";
import type { Rules } from "../rules.ts";
import type { In, Tries } from "../state/state.ts";

/** A server that is started again rests for {@link Rules.stoppedWaitMs} at first, and then twice as long each time, up to so many times that. */
const LONGEST_REST = 12;

/**
 * The server that we stopped has waited for its POST for too long, and still it cannot be sent: how often it is started again for
 * that, this time included. Null: it stays off, for a POST that may go at any moment.
 */
export function startedAgainFor(
  { power, before, tries }: In<"submit">,
  { nowMs, rules }: Pick<Moment, "nowMs" | "rules">,
): number | null {
  if (!owesStart(power, rules) || nowMs - before.atMs < rules.stoppedWaitMs) return null;
  // Who leaves the stopping to the cloud has not stopped it: the cloud does, for a request that it takes.
  if (rules.stopBy === "cloud" && power?.stop === undefined) return null;
  // A stop that may still come true would undo the start: that would have to wait for it, and the POST as well.
  const unansweredAtMs = unansweredStopMs(power?.stop) ?? Number.NEGATIVE_INFINITY;
  if (nowMs < unansweredAtMs + rules.postFenceMs) return null;
  return (tries.restarts ?? 0) + 1;
}

/**
 * How long a server is left alone that was started again for the so-manieth time, so that one whose reinstall the cloud refuses for
 * hours is not stopped again and again. By default 10, 20, 40, 80 and then 120 minutes: 14 times a day at most.
 */
export function restOf(restarts: number, { stoppedWaitMs }: Pick<Rules, "stoppedWaitMs">): number {
  return stoppedWaitMs * Math.min(2 ** (restarts - 1), LONGEST_REST);
}

/** How long a server is left alone after this step; null: it is not started for having been off too long. */
export function restAfter(
  from: Pick<Tries, "restarts">,
  to: Pick<Tries, "restarts">,
  rules: Pick<Rules, "stoppedWaitMs">,
): number | null {
  const { restarts } = to;
  return restarts === undefined || restarts === from.restarts ? null : restOf(restarts, rules);
}

/** What goes along from one try to the next. */
export function restartsKept({ restarts }: Tries): Pick<Tries, "restarts"> {
  return restarts === undefined ? {} : { restarts };
}
