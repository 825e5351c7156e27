import type { SettledAs } from "../../contract/event.ts";
import type { Debt } from "../../core/state/debt.ts";
import type { Order } from "../../core/state/order.ts";
import type { State } from "../../core/state/state.ts";
import type { StepClaim } from "./step-claim.ts";
import type { StoreAway, StoreCorrupt } from "./store-trouble.ts";
import type { StormEnd } from "../../core/brakes/storm.ts";
import type { Outbox, StoredOutcome } from "./stored-outcome.ts";

export interface StepSave {
  readonly order: Order;
  readonly claim: StepClaim;
  readonly state: State;
  readonly nextSequence: number;
  readonly outbox: Outbox;
  readonly intent: "keep" | "clear";
  /** `release`: the lock is given back (if it is ours) because the command only waits now. */
  readonly lock: "keep" | "release";
}

export type SaveAnswer =
  | { readonly kind: "saved" }
  /** Another delivery has the step now: publish nothing. */
  | { readonly kind: "fenced" }
  /** The store has no record any more: claim again, which puts it back. */
  | { readonly kind: "forgotten" }
  | StoreAway
  | StoreCorrupt;

export interface StepFinish {
  readonly order: Order;
  readonly claim: StepClaim;
  readonly outcome: StoredOutcome;
  /** `keep`: nobody knows what runs on that server; a person frees it. */
  readonly lock: "free" | "keep";
  /** `clear`: it is proven that the request of the present intent was not carried out; absent: `keep`. */
  readonly intent?: "keep" | "clear";
  /** What it says of reinstalls in general; absent or null: nothing. */
  readonly storm?: StormEnd | null;
  /** A start that it owes the server, for the lock's next owner; absent or null: none. */
  readonly owes?: Debt | null;
  /** Set on success: from now on older `observed_at` are superseded. */
  readonly healedAtMs: number | null;
}

export type FinishAnswer =
  | { readonly kind: "finished"; readonly outcome: StoredOutcome; readonly first: boolean }
  | Exclude<SaveAnswer, { kind: "saved" }>;

/** What became of a command that ended `unresolved`. */
export interface StepSettle {
  readonly order: Order;
  /** Of the lock that it left behind: the lock of anybody else stays. */
  readonly token: number | null;
  readonly as: SettledAs;
  /** The `settled` event. */
  readonly outcome: StoredOutcome;
  /** As in {@link StepFinish}. */
  readonly healedAtMs: number | null;
}

export type SettleAnswer =
  /** `first` false: somebody else settled it before, and said this. */
  | { readonly kind: "settled"; readonly outcome: StoredOutcome; readonly first: boolean }
  /** The server is no longer this command's: there is nothing to settle. */
  | { readonly kind: "lock-gone" }
  | StoreAway
  | StoreCorrupt;
