import type { WaitReason } from "../../contract/event.ts";
import { type Decision, type Final, type Next, next } from "../decision.ts";
import type { Moment } from "../moment.ts";
import { owesStart, type Power, type PowerAfter } from "../server/power.ts";
import type { In, State } from "../state/state.ts";
import { draftOf, restoring, withPower } from "./decide-restore.ts";
import { restAfter } from "./off-too-long.ts";

/**
 * Waits that are short as a rule and nobody's wish: the server stays stopped meanwhile, and the lock with the command; but not for
 * longer than `stoppedWaitMs` once it is the request alone that cannot be sent.
 */
const OF_THE_CLOUD: ReadonlySet<string> = new Set<WaitReason>([
  "throttled",
  "cloud-unavailable",
  "clock-skew",
  "store-rebuilding",
]);

/**
 * A command that goes no further leaves the server as it was found (brakes.md §8): where it ends without a reinstall, or
 * goes back to its place in line, and we may have stopped the server, that is started first.
 */
export function leaveAsFound(
  from: State,
  power: Power | undefined,
  decision: Decision,
  moment: Moment,
): Decision {
  if (from.phase === "restore" || power === undefined) return decision;
  if (!power.mayHaveStopped) {
    // For an earlier try; it ran again before the command waited on.
    const endsHere = decision.kind === "final" && decision.undo;
    return endsHere && power.startedAgain ? saying(decision, power, "on") : decision;
  }
  const isOwed = owesStart(power, moment.rules);
  if (!isOwed && power.was === "off") return decision;
  if (decision.kind === "final") {
    if (isOwed && decision.undo) {
      const ending = draftOf(decision.draft);
      return next(restoring(power, { kind: "end", ending }, moment), 0, [], {
        intent: decision.intent,
      });
    }
    return saying(decision, power, "unknown");
  }
  if (!isOwed) return decision;
  const { state } = decision;
  if (state.phase !== "waiting") return decision;
  const restMs = from.phase === "submit" ? restAfter(from.tries, state.tries, moment.rules) : null;
  if (from.phase === "submit" && restMs === null && OF_THE_CLOUD.has(state.waitsFor))
    return waitAtTheLine({ ...from, power }, decision, state);
  return {
    ...startThenWait(power, { state, delayMs: decision.delayMs, restMs }, moment),
    events: decision.events,
    intent: decision.intent,
  };
}

/** The ending with `power`, where it does not say that already. */
function saying(ending: Final, power: Power, after: PowerAfter): Final {
  if ("power" in ending.draft.data) return ending;
  return { ...ending, draft: withPower(ending.draft, power, after) };
}

/**
 * Starts the server, and then goes to this place in line, where it asks again after `delayMs` from now, and not before the server has
 * run for `restMs`.
 */
export function startThenWait(
  power: Power,
  waiting: {
    readonly state: In<"waiting">;
    readonly delayMs: number;
    readonly restMs?: number | null;
  },
  { nowMs }: Pick<Moment, "nowMs">,
): Next {
  const { body, phase: _phase, power: _power, ...place } = waiting.state;
  const rest = waiting.restMs == null ? {} : { restMs: waiting.restMs };
  const after = { kind: "wait", place, nextTryMs: nowMs + waiting.delayMs, ...rest } as const;
  return next({ ...restoring(power, after, { nowMs }), body }, 0);
}

/** The command stays in `submit`, with what it waits for. */
function waitAtTheLine(from: In<"submit">, decision: Next, state: In<"waiting">): Decision {
  const { tries, waitsFor, sinceMs } = state;
  return { ...decision, state: { ...from, tries, waited: { waitsFor, sinceMs } }, lock: "keep" };
}
