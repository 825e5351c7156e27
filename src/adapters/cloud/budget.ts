import type { ProjectId } from "../../contract/ids.ts";
import type { CallClass, Pace } from "../../core/calls/call-bucket.ts";
import type { Throttling } from "../../core/calls/call-rate.ts";

/** What is asked of the budget: calls that are taken together, before the first of them is made. */
export interface CallsWanted {
  readonly class: CallClass;
  /** 0: asks only for how long nothing may be sent. */
  readonly calls: number;
}

/** `granted`: they are taken, whatever becomes of them; the first may go after `delayMs`, each further one `spacingMs` later. */
export type CallsTaken =
  | {
      readonly kind: "granted";
      readonly delayMs: number;
      readonly spacingMs: number;
      /** How fast calls may be made now. */
      readonly pace: Pick<Pace, "perSecond" | "depth">;
    }
  /** Not now, and nothing was taken: they would be there after `ms`; `spreadMs`: the time that the rate needs for all who wait. */
  | { readonly kind: "wait"; readonly ms: number; readonly spreadMs: number };

/** One request budget per project, shared by all replicas. Never rejects; if it cannot know, it grants a share of its own. */
export interface RequestBudget {
  /** Epoch ms by the clock of the budget: what a call is begun at. */
  nowMs(): number;
  take(project: ProjectId, wanted: CallsWanted): Promise<CallsTaken>;
  /** A call that was begun at that instant was not turned away for want of quota. */
  passed(project: ProjectId, begunMs: number): Promise<void>;
  /** The cloud turned a call away. Never shortens an earlier hold. */
  refused(project: ProjectId, throttling: Omit<Throttling, "used">): Promise<void>;
}

/** For the command line and tests, which ask little: everything is granted. */
export const UNLIMITED: RequestBudget = {
  nowMs: () => 0,
  take: () =>
    Promise.resolve({
      kind: "granted",
      delayMs: 0,
      spacingMs: 0,
      pace: { perSecond: 1_000_000, depth: 1_000_000 },
    }),
  passed: () => Promise.resolve(),
  refused: () => Promise.resolve(),
};
