import type { FINAL_EVENTS } from "../../contract/event.ts";
import { PHASES } from "./phases.ts";
import type { Phase } from "./state.ts";

/** Where the admission of a raw command may lead, which has no state yet. */
const ADMIT = [
  "restore",
  "prepare",
  "submit",
  "joined",
  "waiting",
  "reconcile",
  "failed",
  "unresolved",
  "rejected",
  "quarantined",
  "superseded",
  "expired",
  "planned",
] as const satisfies readonly (Phase | (typeof FINAL_EVENTS)[number])[];

type Transitions = { readonly admit: typeof ADMIT } & {
  readonly [P in Phase]: (typeof PHASES)[P]["leadsTo"];
};

/** Where a step may lead, and nowhere else: admission, and each phase as its row says. */
export const TRANSITIONS = { admit: ADMIT, ...ways() } as Transitions;

function ways(): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(Object.entries(PHASES).map(([phase, { leadsTo }]) => [phase, leadsTo]));
}
