/**
 * What all replicas know together of one access key or user: how often it was refused in a row, and whose turn it is
 * to try it. Keyed by a name that holds no secret. Never rejects; where nobody can say, each replica counts for itself.
 */
export interface SharedRefusals {
  /** Refusals in a row, and for how long they count; null: nobody can say. May be up to a second old. */
  look(name: string): Promise<{ readonly refusals: number; readonly forMs: number } | null>;
  /** One more, at least `atLeast`; gives the sum of all replicas, null: nobody can say. Forgotten after `forMs`. */
  refused(name: string, atLeast: number, forMs: number): Promise<number | null>;
  /** The credentials were taken, or replaced: forgets the refusals. */
  proven(name: string): Promise<void>;
  /** Leave to try credentials that are not proven, for one replica at a time; null: another has it. Ends by itself when its holder dies. */
  takeTurn(name: string): Promise<{ end(): Promise<void> } | null>;
}

/** A replica that is alone, or cannot ask the others. */
export const ALONE: SharedRefusals = {
  look: () => Promise.resolve(null),
  refused: () => Promise.resolve(null),
  proven: () => Promise.resolve(),
  takeTurn: () => Promise.resolve({ end: () => Promise.resolve() }),
};
