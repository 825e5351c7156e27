import type { SwitchEntry, SwitchName } from "../../contract/brakes.ts";
import type { ProjectId } from "../../contract/ids.ts";
import type { RememberedSwitch } from "../../core/brakes/remembered-switch.ts";
import type { StoreAway, StoreCorrupt } from "./store-trouble.ts";

/** The pauses of one project by scope, lifted ones included. */
export type Pauses = ReadonlyMap<SwitchName, RememberedSwitch>;

/** A pause that stands, and what it covers. */
export interface StandingPause {
  readonly project: ProjectId;
  readonly scope: SwitchName;
  readonly entry: SwitchEntry;
}

/** The pauses as the store has them, and as the workers put them back. May be repeated. */
export interface PauseStore {
  /**
   * Puts back what is remembered and not (or only in an older entry) in the store; answers everything that stands
   * then. What a storm of failures is at goes with its entry, and the newer of two is kept. `putBack` counts the entries
   * that the store had lost, or what belongs to them.
   */
  keep(
    project: ProjectId,
    remembered: Pauses,
  ): Promise<
    | { readonly kind: "kept"; readonly pauses: Pauses; readonly putBack: number }
    | StoreAway
    | StoreCorrupt
  >;
}
