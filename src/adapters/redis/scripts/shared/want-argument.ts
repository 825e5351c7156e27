import { z } from "zod";
import type { Order } from "../../../../core/state/order.ts";
import { keysOf } from "../../keys.ts";

/** What a command says of itself that wants to start (slots.lua). */
export const WantArgument = z.object({
  want: z.object({
    id: z.string(),
    wish: z.string(),
    /** Epoch ms. */
    observedAt: z.number().optional(),
    /** Epoch ms. */
    notBefore: z.number().optional(),
    /** It shares the reinstall of a command that wishes the same. */
    join: z.boolean(),
    /** It may have been carried out, in a memory that is lost. */
    mayHaveRun: z.boolean(),
    commandPrefix: z.string(),
  }),
});

/** {@link WantArgument} of one command. */
export function wantArgument(order: Order, mayHaveRun: boolean): z.infer<typeof WantArgument> {
  const { commandId, wishHash, observedAtMs, notBeforeMs, onBusy, projectId } = order;
  return {
    want: {
      id: commandId,
      wish: wishHash,
      ...(observedAtMs !== undefined && { observedAt: observedAtMs }),
      ...(notBeforeMs !== undefined && { notBefore: notBeforeMs }),
      join: onBusy === "join",
      mayHaveRun,
      commandPrefix: keysOf(projectId).commandPrefix,
    },
  };
}
