import type { AuditEntry } from "../../contract/audit.ts";
import type { ProjectId } from "../../contract/ids.ts";
import type { StoreAway, StoreCorrupt } from "./store-trouble.ts";

/**
 * Actions of people that are noted and not yet published, taken by one worker at a time.
 *
 * @internal
 */
export interface Unpublished {
  readonly kind: "taken";
  /** The oldest first; none of them was confirmed as published. */
  readonly entries: readonly AuditEntry[];
  /** Entries that left the list before anybody had published them. */
  readonly missed: number;
  /** Number of the last entry that is published, as it stands in the store. */
  readonly after: number;
  /** Whose turn it is. */
  readonly lease: string;
}

/** The lists of what people did by hand, for whoever publishes them. May be repeated. */
export interface AuditTrail {
  /** `none`: everything is published, or another worker publishes it now. A turn ends by itself after `leaseMs`. */
  take(
    project: ProjectId,
    leaseMs: number,
  ): Promise<Unpublished | { readonly kind: "none" } | StoreAway | StoreCorrupt>;
  /** The entries up to the number `upTo` are confirmed (null: none is), and the turn is over. */
  published(
    project: ProjectId,
    taken: Pick<Unpublished, "after" | "lease">,
    upTo: number | null,
  ): Promise<{ readonly kind: "saved" } | StoreAway | StoreCorrupt>;
}
