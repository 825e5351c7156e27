import type { OsReinstall } from "../contract/os-reinstall.ts";
import type { Order } from "./state/order.ts";
import type { Power } from "./server/power.ts";
import type { In, Tries } from "./state/state.ts";

/** A command that asks for its server: just arrived, or waiting. */
export interface Candidate {
  readonly order: Order;
  readonly body: OsReinstall;
  readonly tries: Tries;
  /** Null for a command that has just arrived. */
  readonly waiting: In<"waiting"> | null;
  /** How the server was found, where something was done to it before; else what the message in line says. */
  readonly power?: Power | undefined;
  /** It may have been carried out, in a memory that the store has lost: nothing else may be said of it without proof. */
  readonly mayHaveRun?: boolean;
  /** So many commands of the project wait; absent: not known. */
  readonly waitingCommands?: number | undefined;
}

/** How the server was found, as far as the command knows. */
export function knownPower({
  power,
  waiting,
}: Pick<Candidate, "power" | "waiting">): Power | undefined {
  return power ?? waiting?.power;
}
