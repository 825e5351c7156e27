import { delayAfterNothing, delayForAge } from "../waiting/backoff.ts";
import { type Decision, next } from "../decision.ts";
import type { Moment } from "../moment.ts";
import type { Look, ReadyAnswer } from "../server/observations.ts";
import { powerOf } from "../server/power.ts";
import type { In } from "../state/state.ts";
import { succeeded } from "./success.ts";

/** Where the server is to be asked; or what the look comes to. */
export type ReadyLook = Decision | { readonly kind: "ask"; readonly address: string };

const NO_ADDRESS = "the cloud names no address of the server";

/**
 * Before the first ask: the address that the cloud names for this server, and no other, is asked. A server that is off is
 * not asked: it is off because it was found so, or it could not be started, and then it is not ready.
 */
export function afterReadyLook(current: In<"ready">, look: Look, moment: Moment): ReadyLook {
  const { nowMs, rules } = moment;
  const isOver = nowMs >= current.untilMs;
  switch (look.kind) {
    case "absent":
      return askedNoMore(current);
    case "refused":
      return isOver ? askedNoMore(current) : again(current, moment);
    case "unreadable": {
      // For want of a call nobody was asked, so nothing is known.
      if (isOver && look.unasked !== true) return askedNoMore(current);
      const delayMs = delayAfterNothing(delayOf(current, moment), look, rules.ladderMs);
      return next(current, delayMs);
    }
    case "seen":
      break;
  }
  if (powerOf(look.server) === "off") {
    return shouldRun(current)
      ? notReady(current, "the server is off", nowMs)
      : askedNoMore(current);
  }
  const { address } = look.server;
  if (address !== null) return { kind: "ask", address };
  return isOver ? notReady(current, NO_ADDRESS, nowMs) : again(current, moment);
}

/** One ask. "Not ready" is only said by one that was really made once the time was over. */
export function afterReadyAnswer(
  current: In<"ready">,
  answer: ReadyAnswer,
  moment: Moment,
): Decision {
  const { nowMs, rules } = moment;
  switch (answer.kind) {
    case "answered":
      return succeeded(current, { ready: true, askedMs: nowMs - current.sinceMs }, nowMs);
    case "silent":
      return nowMs >= current.untilMs
        ? notReady(current, answer.detail, nowMs)
        : again(current, moment);
    case "unasked":
      return next(current, rules.ladderMs[0] ?? 0);
  }
}

/** The reinstall worked, and nobody asks the server any more: `succeeded` does not say whether it is ready. */
export function askedNoMore(current: In<"ready">): Decision {
  return succeeded(current, null, current.sinceMs);
}

/** Faults that were seen while it was asked are not healed: it may need another reinstall. */
function notReady(current: In<"ready">, detail: string, nowMs: number): Decision {
  const verdict = { ready: false, askedMs: nowMs - current.sinceMs, detail };
  return succeeded(current, verdict, current.sinceMs);
}

function again(current: In<"ready">, moment: Moment): Decision {
  return next(current, delayOf(current, moment));
}

/** The ladder, but no further than to the end of the time: the last ask is made then. */
function delayOf(
  { sinceMs, untilMs }: In<"ready">,
  { nowMs, rules: { ladderMs }, random }: Moment,
): number {
  const shortestMs = ladderMs[0] ?? 0;
  const plannedMs = delayForAge(nowMs - sinceMs, ladderMs, random);
  return Math.min(plannedMs, Math.max(shortestMs, untilMs - nowMs));
}

/** The event says what a person has to do: it was to be started, and could not be. */
function shouldRun({ success: { power } }: In<"ready">): boolean {
  return power !== undefined && "next_step" in power;
}
