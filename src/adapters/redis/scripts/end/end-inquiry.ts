import { z } from "zod";
import { INQUIRY_SUFFIX } from "../../../../core/state/envelope.ts";
import type { Order } from "../../../../core/state/order.ts";
import { keysOf } from "../../keys.ts";
import { script } from "../script.ts";
import type { StoreContext } from "../shared/store-context.ts";

/** @internal */
export const endInquiryScript = script({
  lua: new URL("./end-inquiry.lua", import.meta.url),
  keys: ["inquiry", "active"],
  argument: z.object({ id: z.string(), ttlMs: z.number() }),
  answer: z.object({ kind: z.literal("saved") }),
});

/** `endInquiry` of the store. */
export function endInquiry({ scripts, rules }: StoreContext, { projectId, commandId }: Order) {
  const k = keysOf(projectId);
  const id = `${commandId}${INQUIRY_SUFFIX}`;
  return scripts.run(
    endInquiryScript,
    { inquiry: k.command(id), active: k.active },
    { id, ttlMs: rules.dedupTtlMs },
  );
}
