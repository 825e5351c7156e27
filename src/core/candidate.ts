import type { OsReinstall } from "../contract/os-reinstall.ts";
import type { Order } from "./order.ts";
import type { In, Tries } from "./state.ts";

/** A command that asks for its server: just arrived, or waiting. */
export interface Candidate {
  readonly order: Order;
  readonly body: OsReinstall;
  readonly tries: Tries;
  /** Null for a command that has just arrived. */
  readonly waiting: In<"waiting"> | null;
  /** It may have been carried out, in a memory that the store has lost: nothing else may be said of it without proof. */
  readonly mayHaveRun?: boolean;
}
