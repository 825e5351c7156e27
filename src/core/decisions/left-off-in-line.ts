import type { Decision } from "../decision.ts";
import type { EventDraft } from "../messages/events.ts";
import type { Look } from "../server/observations.ts";
import type { Order } from "../state/order.ts";
import { leftAs, powerOf, type WhyOff } from "../server/power.ts";
import type { In } from "../state/state.ts";
import { whyUnseen } from "./why-off.ts";

/**
 * `waiting` of a command that goes back to its place in line while the server that was stopped for it is not seen running: whoever
 * follows it would not hear of that before its end, which may be days away. Null: it runs, or is still to be started.
 */
export function leftOffInLine(
  { expiresAtMs }: Order,
  { start }: In<"restore">,
  { look, refused }: { readonly look: Look; readonly refused?: WhyOff | undefined },
  decision: Decision,
): EventDraft | null {
  if (decision.kind !== "next" || decision.state.phase !== "waiting") return null;
  const { power, waitsFor, holder, lockOwner } = decision.state;
  if (power?.mayHaveStopped !== true) return null;
  // One that is gone is named at once, by the end that follows.
  if (look.kind === "absent") return null;
  const after = look.kind === "seen" ? powerOf(look.server) : null;
  const heldBy = holder ?? lockOwner;
  const said = start?.said === undefined ? whyUnseen(look) : { said: start.said };
  return {
    event: "waiting",
    data: {
      waits_for: waitsFor,
      ...(heldBy === undefined ? {} : { holder: heldBy }),
      detail: "the server was stopped for it, and is not seen running",
      power: leftAs(power, after ?? "unknown", refused ?? said),
      expires_at: new Date(expiresAtMs).toISOString(),
    },
  };
}
