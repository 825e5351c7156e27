import type { Problem } from "../contract/command.ts";
import type { Debt } from "./state/debt.ts";
import { rungAtMost } from "./waiting/backoff.ts";
import type { EventDraft, FinalDraft } from "./messages/events.ts";
import type { In, State } from "./state/state.ts";

/** What a step has come to. Nothing of it has happened yet: it is saved first, then published. */
export type Decision = Next | Final;

export interface Next {
  readonly kind: "next";
  readonly state: State;
  /** Not before this long from now; a rung of the ladder or more. */
  readonly delayMs: number;
  /** Not later either: the wait goes in hops where no rung fits (`firstHopMs`). */
  readonly isPunctual?: true;
  readonly events: readonly EventDraft[];
  /** `clear`: it is proven that the intent's request was not carried out. */
  readonly intent: "keep" | "clear";
  readonly lock: "keep" | "release";
  /** What the emitter should know though it stops nothing; said in `accepted`. */
  readonly warnings?: readonly Problem[];
}

/** What is known of a request that may have been carried out. */
export type InquirySeed = Omit<In<"inquiry">, "phase" | "sinceMs" | "untilMs">;

export interface Final {
  readonly kind: "final";
  readonly draft: FinalDraft;
  readonly lock: "free" | "keep";
  /** As in {@link Next}. */
  readonly intent: "keep" | "clear";
  /** It failed by what the command asks for, not by the image or the cloud. */
  readonly emittersFault: boolean;
  /** When the server became healthy by our doing; older faults seen on it are healed. */
  readonly healedAtMs: number | null;
  /** Nothing was reinstalled: a server that we may have stopped is started before this is said. */
  readonly undo: boolean;
  /** What the command owes the server and leaves to the lock's next owner; null: nothing. */
  readonly owes: Debt | null;
  /** What an inquiry goes on with, where nobody knows what happened; null: nothing is left to find out. */
  readonly inquiry: InquirySeed | null;
  /** What this outcome teaches about "a reinstall replaces the system disk" (design §5). */
  readonly sample: {
    readonly volumeType: string | null;
    readonly disk: "replaced" | "kept";
  } | null;
}

/**
 * Goes on to `state` after `delayMs`. A command that only waits, on its own or behind the one that it joined, gives back
 * what it holds: nothing of it is with the cloud. Only where that is not known it keeps the server's lock.
 */
export function next(
  state: State,
  delayMs: number,
  events: readonly EventDraft[] = [],
  more: Partial<Pick<Next, "intent" | "lock" | "isPunctual">> = {},
): Next {
  const lock = mayBeWithTheCloud(state) ? "keep" : "release";
  return { kind: "next", state, delayMs, events, intent: "keep", lock, ...more };
}

/** In which delay queue the wait begins. */
export function firstHopMs(
  { delayMs, isPunctual }: Pick<Next, "delayMs" | "isPunctual">,
  ladderMs: readonly number[],
): number {
  return isPunctual ? rungAtMost(delayMs, ladderMs) : delayMs;
}

function mayBeWithTheCloud(state: State): boolean {
  return (state.phase !== "waiting" && state.phase !== "joined") || state.doubt === true;
}

/** Ends the command; frees the lock unless `more` says otherwise. */
export function final(
  draft: FinalDraft,
  more: Partial<
    Pick<
      Final,
      "lock" | "intent" | "emittersFault" | "healedAtMs" | "undo" | "owes" | "inquiry" | "sample"
    >
  > = {},
): Final {
  return {
    kind: "final",
    draft,
    lock: "free",
    intent: "keep",
    emittersFault: false,
    healedAtMs: null,
    undo: true,
    owes: null,
    inquiry: null,
    sample: null,
    ...more,
  };
}

/** The same decision, with the intent cleared: it is proven that its request was not carried out. */
export function clearingIntent(decision: Decision): Decision {
  return { ...decision, intent: "clear" };
}
