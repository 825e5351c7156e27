import { z } from "zod";
import { isSent, LINES, standingOf, TURN_DELAYS } from "../../../../core/waiting/line.ts";
import type { Envelope } from "../../../../core/state/envelope.ts";
import type { Order } from "../../../../core/state/order.ts";
import type { StepSave } from "../../../../steps/ports/step-record.ts";
import type { keysOf } from "../../keys.ts";

/** Keys of slots and lines, in the order of `LINE_KEYS` in line.lua. */
export const LINE_KEYS = [
  "slots",
  "groupSlots",
  "waiters",
  "line",
  "groupLine",
  "lineUntil",
  "waiting",
] as const;

/** {@link LINE_KEYS} of one command. Those of no group are never written to. */
export function lineKeys(
  k: ReturnType<typeof keysOf>,
  { serverId, group = "" }: Pick<Order, "serverId" | "group">,
) {
  const { slots, line, lineUntil, waiting } = k;
  return {
    slots,
    groupSlots: k.groupSlots(group),
    waiters: k.waiters(serverId),
    line,
    groupLine: k.groupLine(group),
    lineUntil,
    waiting,
  } satisfies Record<(typeof LINE_KEYS)[number], string>;
}

/** Where a saved command stands from now on (`place_of` in line.lua). */
export const PlaceArgument = z.object({
  line: z.enum(LINES),
  /** It waits, whether it stands in a line or not. */
  waits: z.boolean(),
  /** Its first arrival, epoch ms by the store's clock. */
  at: z.number(),
  /** It keeps its turn for so long; absent: nobody waits for it. */
  turnMs: z.number().optional(),
  group: z.string().optional(),
});

/** {@link PlaceArgument} of what a step has come to; null: an inquiry stands nowhere. */
export function placeArgument({
  order: { group },
  claim,
  state,
  outbox,
}: StepSave): z.infer<typeof PlaceArgument> | null {
  if (state.phase === "inquiry") return null;
  const { line, keepsTurn } = standingOf(state);
  const delayMs = outbox.next?.delayMs ?? 0;
  return {
    line,
    waits: state.phase === "waiting",
    at: claim.arrivedMs,
    ...(keepsTurn && { turnMs: TURN_DELAYS * delayMs }),
    ...(group !== undefined && { group }),
  };
}

/** What a message puts back of its command's slot and places. */
export const ComeBackArgument = z.object({
  slot: z.boolean(),
  line: z.enum(LINES),
  waits: z.boolean(),
  keepsTurn: z.boolean(),
  /** Its first arrival, epoch ms by the store's clock; null: the message is of an older worker. */
  placeAt: z.number().nullable(),
  group: z.string().nullable(),
});

/** {@link ComeBackArgument} of one message. */
export function comeBackArgument({
  order,
  state,
  slot,
  token,
  placeMs,
}: Envelope): z.infer<typeof ComeBackArgument> {
  return {
    // Of an older worker's message that may be with the cloud: it is in work all the same.
    slot: slot ?? (token !== null && isSent(state)),
    ...standingOf(state),
    waits: state.phase === "waiting",
    placeAt: placeMs ?? null,
    group: order.group ?? null,
  };
}
