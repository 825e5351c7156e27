import { rungAtMost } from "../waiting/backoff.ts";
import type { Candidate } from "../candidate.ts";
import type { Decision } from "../decision.ts";
import type { Moment } from "../moment.ts";
import type { Order } from "../state/order.ts";
import { waitFor } from "../waiting/waiting.ts";
import type { BrakeVerdict } from "./hold.ts";

/**
 * Before a command's `not_before` nothing of it is started: it waits, without the server's lock. Null when it may
 * begin. Asked on arrival and at each try, before the server is looked at.
 */
export function tooEarly(candidate: Candidate, moment: Moment): Decision | null {
  const { nowMs, rules } = moment;
  const { notBeforeMs } = candidate.order;
  if (notBeforeMs === undefined || nowMs >= notBeforeMs) return null;
  const decision = waitFor(candidate, "not-before", moment);
  if (decision.kind === "final") return decision;
  const until = new Date(notBeforeMs).toISOString();
  return {
    ...decision,
    delayMs: rungAtMost(notBeforeMs - nowMs, rules.ladderMs),
    events: decision.events.map((event) => ({ ...event, data: { ...event.data, until } })),
  };
}

/** What that brake says of a command, for people. */
export function notBeforeSays({ notBeforeMs }: Pick<Order, "notBeforeMs">, nowMs: number) {
  const brake = "not-before" as const;
  const said: BrakeVerdict =
    notBeforeMs === undefined || nowMs >= notBeforeMs
      ? { brake, verdict: "go" }
      : { brake, verdict: "wait", untilMs: notBeforeMs };
  return said;
}
