import type { ProgressEvent } from "../../contract/event.ts";
import type { ProjectId } from "../../contract/ids.ts";
import type { Order } from "../../core/state/order.ts";
import type { StoredOutcome } from "./stored-outcome.ts";

/** Open commands that have not moved for a while (design §6, sweeper). */
export interface StrandedCommands {
  /**
   * At most `limit` of one project, those that have stood still for the longest first; the next call goes on behind them, and
   * from the beginning after the last, so that those which cannot be helped hide nobody. Empty when another worker sweeps
   * it now, or the store is away.
   */
  find(project: ProjectId, olderThanMs: number, limit: number): Promise<readonly Stranded[]>;
  /** One record by its id, however young; null: there is none, or the store is away. */
  one(project: ProjectId, recordId: string): Promise<Stranded | null>;
}

export interface Stranded {
  /** A command id, or the alias of one. */
  readonly commandId: string;
  readonly order: Order | null;
  /** The envelope of its next step, without a body; null when its first step was never saved. */
  readonly resume: unknown;
  readonly outcome: StoredOutcome | null;
  /** The broker has confirmed the outcome. */
  readonly published?: boolean;
  /** Of its last saved step: perhaps never published. */
  readonly events?: readonly ProgressEvent[];
}
