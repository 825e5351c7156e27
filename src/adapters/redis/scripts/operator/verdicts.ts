import { z } from "zod";
import { BrakeVerdict } from "../../../../core/brakes/hold.ts";
import type { Order } from "../../../../core/state/order.ts";
import type { PhaseTraits } from "../../../../core/state/phases.ts";
import { keysOf } from "../../keys.ts";
import { GATE_KEYS, GateArgument, gateArgument, gateKeys } from "../shared/gate-argument.ts";
import { script } from "../script.ts";
import type { StoreContext } from "../shared/store-context.ts";

/** @internal */
export const verdictsScript = script({
  lua: new URL("./verdicts.lua", import.meta.url),
  keys: ["cmd", ...GATE_KEYS],
  argument: GateArgument.extend({ gate: z.enum(["admission", "intent", "none"]) }),
  answer: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("asked"), verdicts: z.array(BrakeVerdict) }),
  ]),
});

/**
 * What each brake says now of a command that is asked next at that gate. Changes nothing. Null: the store does not answer, or
 * not in words that we know.
 */
export async function verdictsOf(
  context: Pick<StoreContext, "scripts" | "rules" | "clock">,
  order: Order,
  gate: PhaseTraits["gate"],
): Promise<readonly BrakeVerdict[] | null> {
  const k = keysOf(order.projectId);
  const keys = { cmd: k.command(order.commandId), ...gateKeys(k, order) };
  const argument = { ...gateArgument(context, order), gate };
  const answer = await context.scripts.run(verdictsScript, keys, argument);
  return answer.kind === "asked" ? answer.verdicts : null;
}
