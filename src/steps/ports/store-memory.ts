import type { ProjectId, ServerId } from "../../contract/ids.ts";
import type { MemorySeen, RememberedMemory } from "../../core/store-memory.ts";
import type { StoreAway, StoreCorrupt } from "./store-trouble.ts";

/** The memory of the store, as a worker looks at it now and then. May be repeated. */
export interface StoreMemoryWatch {
  /**
   * What the store knows of the project now. Where that is another memory than `remembered`, and it gives no new locks
   * yet, the remembered locks of unresolved servers that are missing are put back in the same run, and named.
   */
  look(
    project: ProjectId,
    remembered: RememberedMemory | null,
  ): Promise<
    | {
        readonly kind: "seen";
        readonly memory: MemorySeen;
        readonly putBack: ReadonlyMap<ServerId, string>;
      }
    | StoreAway
    | StoreCorrupt
  >;
}
