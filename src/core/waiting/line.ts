import { type Brake, Brake as BrakeName } from "../../contract/brakes.ts";
import type { State } from "../state/state.ts";

/** In which lines a command stands while it waits (docs/adr/0007). */
export const LINES = ["none", "server", "group", "slots"] as const;

/**
 * Where a command stands. `server`: in its server's line only, behind whoever arrived before; `group`, `slots`: also among
 * those who wait for a slot of their group, or of the project.
 */
export interface Standing {
  readonly line: (typeof LINES)[number];
  /** Others wait for it while it is punctual. Not for who is held by a brake: that may take days. */
  readonly keepsTurn: boolean;
}

const NOWHERE: Standing = { line: "none", keepsTurn: false };

/** By what it waits for. A command that has joined another stands in no line: that one stands for both. */
export function standingOf(state: State): Standing {
  if (state.phase !== "waiting") return NOWHERE;
  switch (state.waitsFor) {
    case "not-before":
      return NOWHERE;
    case "group-cap":
      return { line: "group", keepsTurn: true };
    case "cap":
    // Nothing starts meanwhile; afterwards nobody may have lost their place.
    case "store-rebuilding":
      return { line: "slots", keepsTurn: true };
    default:
      return { line: "server", keepsTurn: !BRAKES.has(state.waitsFor) };
  }
}

const BRAKES: ReadonlySet<string> = new Set<Brake>(BrakeName.options);

/** A command keeps its turn for its delay, and for two more of the same. */
export const TURN_DELAYS = 3;

/** In these a request is with the cloud, or may be: a command keeps its slot through them, whoever wrote its message. */
export function isSent({ phase }: Pick<State, "phase">): boolean {
  return ["reconcile", "watch", "settle", "ready"].includes(phase);
}

/** Does a command in this phase keep its slot? All others have given it back. */
export function isInWork({ phase }: Pick<State, "phase">): boolean {
  return ["prepare", "submit", "restore"].includes(phase) || isSent({ phase });
}
