import type { Order } from "../../core/state/order.ts";
import type { Clock } from "../ports/clock.ts";
import type { Journal } from "../ports/journal.ts";
import type { ReinstallStore } from "../ports/reinstall-store.ts";
import type { StoreAway, StoreCorrupt } from "../ports/store-trouble.ts";
import type { StoredOutcome } from "../ports/stored-outcome.ts";
import { createSettlement } from "./settlement.ts";
import type { StepResult } from "../step.ts";

export interface EndInquiryDeps {
  readonly store: ReinstallStore;
  readonly journal: Journal;
  readonly clock: Pick<Clock, "nowMs">;
  readonly region: string;
}

export type InquiryEnd =
  /** Its `settled` event is stored, and is to be published. */
  | { readonly kind: "settled"; readonly outcome: StoredOutcome }
  /** Nothing is to be published. */
  | { readonly kind: "over" }
  | StoreAway
  | StoreCorrupt;

/** The end of an inquiry: what it found out is stored; or it is forgotten, for there is nothing left to find out. */
export function createEndInquiry({ store, journal, clock, region }: EndInquiryDeps) {
  const settle = createSettlement(store, region);

  async function over(order: Order, why: "lock-gone" | "given-up"): Promise<InquiryEnd> {
    const forgotten = await store.endInquiry(order);
    if (forgotten.kind !== "saved") return forgotten;
    journal.inquiryOver(order, why);
    return { kind: "over" };
  }

  return async function endInquiry(
    order: Order,
    result: Extract<StepResult, { kind: "settled" | "inquiry-over" }>,
  ): Promise<InquiryEnd> {
    if (result.kind === "inquiry-over") return over(order, result.why);
    const { settlement, token } = result;
    const answer = await settle({ order, settlement, token, atMs: clock.nowMs() });
    return answer.kind === "lock-gone" ? over(order, "lock-gone") : answer;
  };
}
