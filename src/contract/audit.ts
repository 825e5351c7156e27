import { z } from "zod";
import type { Found } from "./found.ts";
import type { ProjectId } from "./ids.ts";
import type { OperatorAction } from "./operator-actions.ts";
import type { Page, PageAsked } from "./page.ts";

/** One action of a person, and its reason. */
export interface Act {
  /** Of this action: the same once more is the same action, noted once. */
  readonly id: string;
  /** Who does it. */
  readonly by: string;
  readonly reason: string;
}

/** An action with what it is about, as it is noted. What it is not about is left out. */
export interface NotedAct extends Act {
  readonly action: OperatorAction;
  readonly command?: string;
  readonly server?: string;
  /** Name of a switch (`contract/brakes.ts`). */
  readonly scope?: string;
  /** What a person says became of an `unresolved` command. */
  readonly as?: string;
  /** Of how many dead letters. */
  readonly count?: number;
  /** Of a storm that is lifted with `--for`: for so long it does not begin. */
  readonly forMs?: number;
}

/** One entry of a project's list of actions, as it is stored: written by the script that acts. */
export const AuditEntry = z.object({
  id: z.string(),
  /** Counts the project's entries, from 1; after a loss of Redis's memory again. */
  number: z.int(),
  /** When, epoch ms by the store's clock. */
  at: z.number(),
  /** An {@link OperatorAction}, or one of a later version. */
  action: z.string().regex(/^[a-z-]{1,40}$/),
  by: z.string(),
  reason: z.string(),
  command: z.string().optional(),
  server: z.string().optional(),
  scope: z.string().optional(),
  as: z.string().optional(),
  count: z.int().optional(),
  forMs: z.number().optional(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

/** An entry and its project. */
export interface AuditView extends AuditEntry {
  readonly projectId: ProjectId;
}

/** Which entries are wanted. What is left out does not filter. */
export interface AuditFilter {
  readonly project?: ProjectId | undefined;
  readonly action?: string | undefined;
  readonly server?: string | undefined;
  readonly command?: string | undefined;
  readonly by?: string | undefined;
  /** Not older than this. */
  readonly maxAgeMs?: number | undefined;
}

/** Who did what by hand, and why. */
export interface AuditLog {
  /** The youngest first. `absent`: not a project of this worker. Does not reject for what the store does. */
  entries(filter: AuditFilter, page: PageAsked): Promise<Found<Page<AuditView>>>;
}
