import { Power, unansweredStopMs } from "../server/power.ts";
import type { Phase, State } from "./state.ts";

/**
 * What is kept at a server's key: a start that a command owed it when it lost the lock (brakes.md §8). Whoever has the lock
 * takes it over with its next step, as if it had stopped the server itself, and then it is no longer there.
 */
export type Debt = Power;

/** From its JSON text; undefined where it cannot be read: it is left to whoever can. */
export function debtFrom(text: string): Debt | undefined {
  try {
    return Power.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Phases whose state says how the server was found. */
const TAKES_DEBT: ReadonlySet<Phase> = new Set([
  "prepare",
  "submit",
  "reconcile",
  "watch",
  "restore",
]);

/** May a step in this phase take over what another command owes the server? */
export function takesDebt(phase: Phase): boolean {
  return TAKES_DEBT.has(phase);
}

/** The state, with what another command owes the server as its own. */
export function withDebt<S extends State>(state: S, debt: Debt | undefined): S {
  if (debt === undefined || !takesDebt(state.phase)) return state;
  const own = "power" in state ? state.power : undefined;
  return { ...state, power: own === undefined ? debt : both(own, debt) };
}

/** A stop of the other's may come true after the own one: nobody follows its job any more. */
function both(own: Power, debt: Debt): Power {
  const was = own.was === "on" ? own.was : debt.was;
  if (debt.stop === undefined) return { ...own, was, mayHaveStopped: true };
  if (own.stop === undefined) return { was, mayHaveStopped: true, stop: debt.stop };
  const unansweredAtMs = Math.max(debt.stop.askedAtMs, unansweredStopMs(own.stop) ?? 0);
  const stop =
    own.stop.jobId === undefined
      ? { askedAtMs: Math.max(unansweredAtMs, own.stop.askedAtMs) }
      : { ...own.stop, unansweredAtMs };
  return { was, mayHaveStopped: true, stop };
}
