import type { Settlement } from "../../core/decisions/decide-inquiry.ts";
import { toProgressEvent } from "../../core/messages/events.ts";
import type { Order } from "../../core/state/order.ts";
import type { ReinstallStore } from "../ports/reinstall-store.ts";
import type { SettleAnswer } from "../ports/step-record.ts";

/** What is to be stored and published when it is known what became of an `unresolved` command. */
export interface Settling {
  readonly order: Order;
  readonly settlement: Settlement;
  /** Fencing token of the lock that the command left behind. */
  readonly token: number | null;
  readonly atMs: number;
}

/**
 * Stores what became of an `unresolved` command, with its `settled` event, and frees the server: one script, the same for
 * the cloud's proof and for a person's word. The first one wins.
 */
export function createSettlement(store: Pick<ReinstallStore, "settle">, region: string) {
  return async function settle(settling: Settling): Promise<SettleAnswer> {
    const { order, settlement, token, atMs } = settling;
    const draft = { event: "settled" as const, data: { as: settlement.as, ...settlement.data } };
    const event = toProgressEvent(region, order, { sequence: 1, atMs }, draft);
    return await store.settle({
      order,
      token,
      as: settlement.as,
      outcome: {
        event: { ...event, id: `${order.commandId}~settled/1` },
        reply: null,
        dead: null,
      },
      healedAtMs: settlement.healedAtMs,
    });
  };
}
