import { z } from "zod";
import { BrakeRules } from "../../../../core/brakes/brake-rules.ts";
import { LEAST_WORK_SECONDS } from "../../../../core/calls/call-rate.ts";
import type { Order } from "../../../../core/state/order.ts";
import { perHourOf } from "../../../../core/intake/senders.ts";
import { Closed } from "../../../../core/brakes/windows.ts";
import type { keysOf } from "../../keys.ts";
import { CallsAsked, callsAsked } from "../calls/calls.ts";
import { LINE_KEYS, lineKeys } from "./line-argument.ts";
import type { StoreContext } from "./store-context.ts";

/** Keys that the gate reads, in the order of `GATE_KEYS` in brakes/*.lua: the last of each script that asks it. */
export const GATE_KEYS = [
  "pauses",
  "paused",
  "storm",
  "asks",
  "history",
  "sourceStarts",
  "senderStarts",
  ...LINE_KEYS,
  "dropped",
  "calls",
] as const;

/** {@link GATE_KEYS} of one command. */
export function gateKeys(k: ReturnType<typeof keysOf>, order: Order) {
  const { pauses, paused, storm, asks, dropped, calls } = k;
  const history = k.history(order.serverId);
  const sourceStarts = k.sourceStarts(order.source);
  const senderStarts = k.senderStarts(order.sender);
  const lines = lineKeys(k, order);
  return {
    pauses,
    paused,
    storm,
    asks,
    history,
    sourceStarts,
    senderStarts,
    ...lines,
    dropped,
    calls,
  } satisfies Record<(typeof GATE_KEYS)[number], string>;
}

/** What the gate is asked about a command (brakes/table.lua). */
export const GateArgument = z.object({
  ask: z.object({
    command: z.string(),
    server: z.string(),
    group: z.string().optional(),
    source: z.string().optional(),
    sender: z.string().optional(),
    /** Of the sender; 0: as many as it asks for. */
    senderPerHour: z.int(),
    /** It waits for a busy server because its order says so. */
    waits: z.boolean(),
    /** Of a new command: when it was sent, epoch ms. Absent: it was counted when it was new. */
    askedAt: z.number().optional(),
    /** Names of brakes that do not apply to the command. */
    override: z.array(z.string()).readonly(),
    /** The worker's windows are closed now; absent: they are open, or there are none. */
    closed: Closed.optional(),
    /** Those of the worker that asks. */
    rules: BrakeRules,
    /** The call to the cloud that a first look takes; 0 calls a second: none is taken. */
    calls: CallsAsked,
    /** See `workSecondsFor` of core/calls/call-rate.ts. */
    workSeconds: z.number(),
  }),
});

/** {@link GateArgument} of one command. */
export function gateArgument(
  { rules, clock }: Pick<StoreContext, "rules" | "clock">,
  { commandId, projectId, serverId, group, source, sender, onBusy, override = [] }: Order,
): z.infer<typeof GateArgument> {
  const closed = rules.windows?.closedAt(clock.nowMs()) ?? null;
  return {
    ask: {
      command: commandId,
      server: serverId,
      ...(group !== undefined && { group }),
      ...(source !== undefined && { source }),
      ...(sender !== undefined && { sender }),
      senderPerHour: perHourOf(rules.senders, sender),
      waits: onBusy === "wait",
      override,
      ...(closed !== null && { closed }),
      rules: rules.brakes,
      calls: callsAsked(4, 1, {
        perSecond: rules.brakes.callsPerSecond,
        burst: rules.brakes.callBurst,
      }),
      workSeconds: rules.workSeconds?.(projectId) ?? LEAST_WORK_SECONDS,
    },
  };
}
