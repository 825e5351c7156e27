import {
  COMMON_MEMBERS,
  FINAL_EVENTS,
  type FinalEventName,
  type ProgressEvent,
} from "../contract/event.ts";
import { delayForAge } from "./backoff.ts";
import { cancelled } from "./decide-admission.ts";
import { type Decision, final, next } from "./decision.ts";
import type { Order } from "./order.ts";
import type { Rules } from "./rules.ts";
import type { In } from "./state.ts";

/** What is known of the command that was joined. */
export type Leader =
  | { readonly kind: "finished"; readonly event: ProgressEvent }
  | { readonly kind: "open" }
  | { readonly kind: "unheard-of" }
  | { readonly kind: "unreadable" };

/** The leader's final event is repeated for the one that joined it (contract §3 `joined`). */
export function afterLeaderLook(
  order: Order,
  current: In<"joined">,
  leader: Leader,
  rebuilding: boolean,
  cancelRequested: boolean,
  nowMs: number,
  rules: Rules,
  random: number,
): Decision {
  if (cancelRequested) return cancelled();
  const again = () => next(current, delayForAge(nowMs - current.sinceMs, rules.ladderMs, random));
  switch (leader.kind) {
    case "open":
    case "unreadable":
      return again();
    case "unheard-of":
      // While the store is being rebuilt the leader's own message may still put its record back.
      if (rebuilding) return again();
      return final(
        {
          event: "unresolved",
          data: {
            leader: current.leader,
            seen: "the store has forgotten the command that was joined, and its outcome with it",
            why: "store-forgot",
            next_step: `Look for the final event of ${current.leader}, or at the server ${order.serverId}.`,
          },
        },
        { lock: "free" },
      );
    case "finished": {
      const data = Object.fromEntries(
        Object.entries(leader.event.data).filter(([key]) => !COMMON_MEMBERS.has(key)),
      );
      return final({
        event: finalName(leader.event.data.event),
        data: { ...data, leader: current.leader },
      });
    }
  }
}

function finalName(name: string): FinalEventName {
  const found = FINAL_EVENTS.find((known) => known === name);
  if (found === undefined) throw new Error(`"${name}" is stored as an outcome and is none`);
  return found;
}
