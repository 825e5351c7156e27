/** What is remembered of a raw command while it waits in a delay queue. */
export interface PutAside {
  /** When it first came, epoch ms. */
  readonly arrivedAtMs: number;
  /** It may have been taken before: by the broker's word, by ours, or because the store has forgotten since. */
  readonly doubt: boolean;
  /** No copy of it can have been taken before this instant, epoch ms; null: there is no copy of ours. */
  readonly unseenUntilMs: number | null;
}

/** Why a raw command waits. `rebuilding`: what the store said about its young memory, by its own clock. */
export type PutAsideWhy =
  | { readonly why: "store-rebuilding"; readonly untilMs: number; readonly doubt: boolean }
  | { readonly why: "store-away" }
  /** The store has it on record: another delivery has it, it could not be told, or we do not understand what is saved. */
  | { readonly why: "fenced" | "queue-full" | "later-version" };

/** A copy that comes back later than this was held up somewhere, and another one may have been taken meanwhile. */
const PUNCTUAL_MS = 5_000;

/**
 * The marks of a raw command that waits (again). Whatever is put aside may exist twice: a confirm that was lost, a
 * broker that copies what it dead-letters. The store tells copies apart as long as it remembers. A copy that comes
 * after the store forgot must not pass for a new command, so each carries how long none of them can have been taken;
 * a memory that began later than that may have forgotten one.
 */
export function putAside(
  came: PutAside,
  why: PutAsideWhy,
  delayMs: number,
  nowMs: number,
): PutAside {
  const { arrivedAtMs, doubt, unseenUntilMs } = came;
  switch (why.why) {
    case "store-rebuilding":
      return {
        // What came while the store was being rebuilt stays older than that, whatever our clock says.
        arrivedAtMs: Math.min(arrivedAtMs, why.untilMs - 1),
        doubt: doubt || why.doubt,
        unseenUntilMs: why.untilMs,
      };
    case "store-away": {
      const late = unseenUntilMs !== null && nowMs > unseenUntilMs + PUNCTUAL_MS;
      return { arrivedAtMs, doubt, unseenUntilMs: late ? unseenUntilMs : nowMs + delayMs };
    }
    case "fenced":
    case "queue-full":
    case "later-version":
      return { arrivedAtMs, doubt: true, unseenUntilMs };
  }
}
