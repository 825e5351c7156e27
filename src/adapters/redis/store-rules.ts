import type { ProjectId } from "../../contract/ids.ts";
import type { BrakeRules } from "../../core/brakes/brake-rules.ts";
import type { SenderRule } from "../../core/intake/senders.ts";
import type { Windows } from "../../core/brakes/windows.ts";

/** The rules of the store, as configured. */
export interface StoreRules {
  /** After trust was lost, no new lock is given for this long. */
  readonly rebuildHoldMs: number;
  /** A finished command is remembered for this long. */
  readonly dedupTtlMs: number;
  /** An intent counts only when this many replicas have it (0: no replicas), within `waitTimeoutMs`. */
  readonly waitReplicas: number;
  readonly waitTimeoutMs: number;
  readonly brakes: BrakeRules;
  /** Times at which nothing begins: those of the worker that asks; absent: there are none. */
  readonly windows?: Windows;
  /** How long a command in work can do with one call, s, by what is known of a project's jobs; absent: as if nothing were. */
  readonly workSeconds?: (project: ProjectId) => number;
  /** What each broker user may ask for; absent: nobody is named. */
  readonly senders?: readonly SenderRule[];
}
