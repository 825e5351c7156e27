import type { ProjectId } from "../../contract/ids.ts";
import type { LikelyEnd } from "../../core/calls/likely-end.ts";

/**
 * How long the jobs of a project took that succeeded, by their kind (core/calls/likely-end.ts), for all replicas. Nothing but the
 * instant of a poll rests on it.
 */
export interface JobDurations {
  /** When the next one is likely to end; null: nothing is known. While the store is away: what was known last. */
  likelyEnd(project: ProjectId, kind: string): Promise<LikelyEnd | null>;
  /** May be repeated: it counts twice then. `away`: perhaps not kept, which only delays what is learned. */
  learn(project: ProjectId, kind: string, tookMs: number): Promise<"kept" | "away">;
}
