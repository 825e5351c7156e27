import type { FINAL_EVENTS } from "../../contract/event.ts";
import type { In, Phase, State } from "./state.ts";

/** What is true of a phase, whichever command is in it. */
export interface PhaseTraits<P extends Phase = Phase> {
  /** What its step does, in a line: for the page of states and for people. */
  readonly does: string;
  /**
   * Its message carries the `os-reinstall` body: `always`; `until-accepted` by the cloud, since a proof of "not carried
   * out" may need it again; `to-wait`: where the command goes back to its place in line; `never`.
   */
  readonly body: "always" | "until-accepted" | "to-wait" | "never";
  /** May a person still end the command? `if-it-waits-again`: when its server is started for that, and not for its end. */
  readonly cancellable: "yes" | "no" | "if-it-waits-again";
  /** Where brakes may hold it next (docs/brakes.md): when it is admitted, again before a stop or a request, nowhere any more. */
  readonly gate: "admission" | "intent" | "none";
  /** May a reinstall be with the cloud when the step is lost? `by-intent`: unless the store can prove that there is no intent. */
  readonly mayHaveBeenSent: "no" | "by-intent" | "yes";
  /**
   * After a loss of the store's memory a message of this phase may be an old copy, of a command that has gone further since. While the
   * memory is young it takes no step, so that the later message is still the later one when it comes.
   */
  readonly yieldsAfterLoss: boolean;
  /** When a command entered the phase, epoch ms; `settleMs` is how long a success settles. */
  enteredMs(state: In<P>, settleMs: number): number;
  /** Where its step may lead, and nowhere else. */
  readonly leadsTo: readonly (Phase | (typeof FINAL_EVENTS)[number] | "settled")[];
}

/** One row a phase. Who adds a phase adds it here, and the compiler asks for every other place. */
export const PHASES = {
  waiting: {
    does: "admit again, after a while",
    body: "always",
    cancellable: "yes",
    gate: "admission",
    mayHaveBeenSent: "by-intent",
    yieldsAfterLoss: true,
    enteredMs: ({ sinceMs }) => sinceMs,
    leadsTo: [
      "restore",
      "waiting",
      "joined",
      "prepare",
      "submit",
      "reconcile",
      "failed",
      "unresolved",
      "rejected",
      "quarantined",
      "superseded",
      "expired",
      "cancelled",
    ],
  },
  joined: {
    does: "read the outcome of the command that was joined",
    body: "always",
    cancellable: "yes",
    gate: "admission",
    mayHaveBeenSent: "no",
    yieldsAfterLoss: true,
    enteredMs: ({ sinceMs }) => sinceMs,
    leadsTo: ["joined", "waiting", "succeeded", "failed", "unresolved", "expired", "cancelled"],
  },
  prepare: {
    does: "stop the server, and wait until it is stopped",
    body: "always",
    cancellable: "yes",
    gate: "intent",
    mayHaveBeenSent: "by-intent",
    yieldsAfterLoss: true,
    enteredMs: ({ sinceMs }) => sinceMs,
    leadsTo: [
      "restore",
      "prepare",
      "submit",
      "waiting",
      "reconcile",
      "failed",
      "rejected",
      "unresolved",
      "superseded",
      "expired",
      "cancelled",
    ],
  },
  submit: {
    does: "the dangerous line: look, sign, record the intent, POST once",
    body: "always",
    cancellable: "yes",
    gate: "intent",
    mayHaveBeenSent: "by-intent",
    yieldsAfterLoss: true,
    enteredMs: ({ before }) => before.atMs,
    leadsTo: [
      "submit",
      "restore",
      "watch",
      "reconcile",
      "waiting",
      "failed",
      "rejected",
      "superseded",
      "expired",
      "cancelled",
    ],
  },
  reconcile: {
    does: "nobody answered the POST: look for proof",
    body: "until-accepted",
    cancellable: "no",
    gate: "intent",
    mayHaveBeenSent: "yes",
    yieldsAfterLoss: true,
    enteredMs: ({ sinceMs }) => sinceMs,
    leadsTo: [
      "restore",
      "reconcile",
      "prepare",
      "submit",
      "settle",
      "ready",
      "succeeded",
      "failed",
      "unresolved",
      "rejected",
    ],
  },
  watch: {
    does: "ask once how the job is",
    body: "never",
    cancellable: "no",
    gate: "none",
    mayHaveBeenSent: "yes",
    yieldsAfterLoss: false,
    enteredMs: ({ acceptedAtMs }) => acceptedAtMs,
    leadsTo: [
      "watch",
      "restore",
      "settle",
      "ready",
      "reconcile",
      "succeeded",
      "failed",
      "unresolved",
    ],
  },
  settle: {
    does: "keep the lock for a while after success",
    body: "never",
    cancellable: "no",
    gate: "none",
    mayHaveBeenSent: "yes",
    yieldsAfterLoss: false,
    enteredMs: ({ untilMs }, settleMs) => untilMs - settleMs,
    leadsTo: ["settle", "ready", "succeeded"],
  },
  ready: {
    does: "ask the reinstalled server until it answers, or its time is over",
    body: "never",
    cancellable: "no",
    gate: "none",
    mayHaveBeenSent: "yes",
    yieldsAfterLoss: false,
    enteredMs: ({ sinceMs }) => sinceMs,
    leadsTo: ["ready", "succeeded"],
  },
  restore: {
    does: "start the server that we stopped, or that is off after its reinstall, before the command ends or waits again",
    body: "to-wait",
    cancellable: "if-it-waits-again",
    gate: "admission",
    mayHaveBeenSent: "no",
    yieldsAfterLoss: true,
    enteredMs: ({ sinceMs }) => sinceMs,
    leadsTo: [
      "restore",
      "waiting",
      "settle",
      "ready",
      "succeeded",
      "failed",
      "rejected",
      "quarantined",
      "superseded",
      "expired",
      "cancelled",
    ],
  },
  inquiry: {
    does: "a command ended `unresolved`: look further, ever more slowly, until the cloud proves what happened",
    body: "never",
    cancellable: "no",
    gate: "none",
    mayHaveBeenSent: "yes",
    yieldsAfterLoss: false,
    enteredMs: ({ sinceMs }) => sinceMs,
    leadsTo: ["inquiry", "settled"],
  },
} as const satisfies { readonly [P in Phase]: PhaseTraits<P> };

/** The row of a phase, by the name that a stored state gives it; null for one that this version does not know. */
export function traitsOf(phase: string): PhaseTraits | null {
  return Object.hasOwn(PHASES, phase) ? PHASES[phase as Phase] : null;
}

/** Phases in which a request is with the cloud, or was, or the server is put back as it was. */
export const SENT_PHASES: readonly Phase[] = (Object.keys(PHASES) as Phase[]).filter(
  (phase) => PHASES[phase].cancellable !== "yes",
);

/** When a command entered the phase that it is in, epoch ms; `settleMs` is how long a success settles. */
export function enteredMs(state: State, settleMs: number): number {
  const row: PhaseTraits = PHASES[state.phase];
  return row.enteredMs(state, settleMs);
}

/** In these a person may end a command, as far as it goes on. */
export const CANCELLABLE: readonly Phase[] = (Object.keys(PHASES) as Phase[]).filter(
  (phase) => PHASES[phase].cancellable !== "no",
);

/** What a command can be listed by: its phase, or that it has ended. */
export const STATES: readonly (Phase | "ended")[] = [...(Object.keys(PHASES) as Phase[]), "ended"];
