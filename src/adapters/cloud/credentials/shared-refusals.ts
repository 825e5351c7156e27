import type { ProjectId } from "../../../contract/ids.ts";

/**
 * What all replicas know together of one access key or user: how often it was refused in a row, and whose turn it is
 * to try it. Keyed by a name that holds no secret. Never rejects; where nobody can say, each replica counts for itself.
 */
export interface SharedRefusals {
  /** May be up to a second old, for the holder of a turn from after its begin; null: nobody can say. */
  look(name: string): Promise<Refused | null>;
  /** One more, at least `atLeast`; gives the sum of all replicas, null: nobody can say. Forgotten after `forMs`. */
  refused(name: string, atLeast: number, said: Omit<Refused, "refusals">): Promise<number | null>;
  /** The credentials were taken, or replaced: forgets the refusals. */
  proven(name: string): Promise<void>;
  /**
   * Leave to try credentials that are not proven, for one replica at a time; waits a short while for it. Null: another has it.
   * Ends by itself when its holder dies.
   */
  takeTurn(name: string, signal: AbortSignal): Promise<{ end(): Promise<void> } | null>;
}

/** Refusals in a row. */
interface Refused {
  readonly refusals: number;
  /** For how long they count. */
  readonly forMs: number;
  /** What the cloud said last, for people; null: not known. Holds no secret. */
  readonly why: string | null;
  /** The last one was about this project; absent: not known. */
  readonly project?: ProjectId;
}

/** A replica that is alone, or cannot ask the others. */
export const ALONE: SharedRefusals = {
  look: () => Promise.resolve(null),
  refused: () => Promise.resolve(null),
  proven: () => Promise.resolve(),
  takeTurn: () => Promise.resolve({ end: () => Promise.resolve() }),
};
