import type { ProjectId } from "../../contract/ids.ts";
import type { Operation } from "../../contract/labels.ts";

/** One request budget per project, shared by all replicas. Never rejects; if it cannot know, it grants a share of its own. */
export interface RequestBudget {
  /** One request. `wait`: not now; nothing was taken. */
  take(
    project: ProjectId,
    operation: Operation,
  ): Promise<{ readonly kind: "granted" } | { readonly kind: "wait"; readonly ms: number }>;
  /** The cloud asked us to stay away: nobody gets anything for so long. Never shortens an earlier penalty. */
  penalise(project: ProjectId, ms: number): Promise<void>;
}

/**
 * For tests and tools: everything is granted.
 *
 * @internal
 */
export const UNLIMITED: RequestBudget = {
  take: () => Promise.resolve({ kind: "granted" }),
  penalise: () => Promise.resolve(),
};
