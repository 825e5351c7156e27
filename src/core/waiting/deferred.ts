/** What is remembered of a raw command while it waits in a delay queue. */
export interface DeferMarks {
  /** When it first arrived, epoch ms. */
  readonly arrivedAtMs: number;
  /** It may have been taken before: by the broker's word, by ours, or because the store has forgotten since. */
  readonly mayHaveRun: boolean;
  /** Nobody else can have taken it, or a copy of it, before this instant, epoch ms; null: not known. */
  readonly unseenUntilMs: number | null;
  /** A delivery of ours had taken it: what the store knows under its id is this very publish, and no other's. */
  readonly taken?: boolean;
  /** The broker user who sent it, as the command queue said it; absent: not known. */
  readonly sender?: string | undefined;
}

/** Why a raw command waits. `rebuilding`: what the store said about its young memory, by its own clock. */
export type DeferReason =
  | { readonly why: "store-rebuilding"; readonly untilMs: number; readonly mayHaveRun: boolean }
  | { readonly why: "store-away" }
  /** What was refused under its id has to be published first. Nobody has taken this one. */
  | { readonly why: "refusal-unconfirmed" }
  /** The store has it on record: another delivery has it, it could not be published, or we do not understand what is saved. */
  | { readonly why: "fenced" | "queue-full" | "later-version" }
  /** A key of ours holds what nobody can read: until a person has looked at it nothing can be stored, so nothing is published. */
  | { readonly why: "store-unreadable" };

/**
 * What comes this much after it is due is punctual: a memory that began within it can have forgotten no more than a
 * beginning, for no reinstall is over so soon, and an unfinished one is put back by its own message.
 */
const PUNCTUAL_MS = 5_000;

/** Until when nobody can have taken what is put into a delay queue at `atMs`, for `delayMs`. */
export function unseenUntil(atMs: number, delayMs: number): number {
  return atMs + delayMs + PUNCTUAL_MS;
}

/**
 * A command that comes for the first time: only after a while can the broker have given it to another worker too,
 * because ours stood still.
 */
export function firstSeen(nowMs: number): DeferMarks {
  return { arrivedAtMs: nowMs, mayHaveRun: false, unseenUntilMs: nowMs + PUNCTUAL_MS };
}

/**
 * The marks of a raw command that waits (again). Whatever is deferred may exist twice: a confirm that was lost, a
 * broker that copies what it dead-letters. The store distinguishes copies as long as it remembers. A copy that comes
 * after the store forgot must not pass for a new command, so each carries how long none of them can have been taken;
 * a memory that began later than that may have forgotten one.
 */
export function marksWhenDeferred(
  before: DeferMarks,
  why: DeferReason,
  delayMs: number,
  nowMs: number,
): DeferMarks {
  const { arrivedAtMs, mayHaveRun, unseenUntilMs } = before;
  const { sender } = before;
  const who = sender === undefined ? {} : { sender };
  const kept = before.taken === true ? { taken: true, ...who } : who;
  switch (why.why) {
    case "store-rebuilding":
      return {
        // What arrived while the store was being rebuilt stays older than that, whatever our clock says.
        arrivedAtMs: Math.min(arrivedAtMs, why.untilMs - 1),
        mayHaveRun: mayHaveRun || why.mayHaveRun,
        unseenUntilMs: why.untilMs,
        ...kept,
      };
    case "store-away":
    case "refusal-unconfirmed": {
      // Held up somewhere: another copy may have been taken since it was due.
      const late = unseenUntilMs !== null && nowMs > unseenUntilMs;
      return {
        arrivedAtMs,
        mayHaveRun,
        unseenUntilMs: late ? unseenUntilMs : unseenUntil(nowMs, delayMs),
        ...kept,
      };
    }
    case "fenced":
      return { arrivedAtMs, mayHaveRun: true, unseenUntilMs, ...who, taken: true };
    case "queue-full":
    case "later-version":
    case "store-unreadable":
      return { arrivedAtMs, mayHaveRun: true, unseenUntilMs, ...kept };
  }
}
