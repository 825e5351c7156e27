import type { Phase } from "./state.ts";

/** What is true of a phase, whichever command is in it. */
export interface PhaseTraits {
  /** What its step does, in a line: for the page of states and for people. */
  readonly does: string;
  /**
   * Its message carries the `os-reinstall` body: `always`; `until-accepted` by the cloud, since a proof of "not carried
   * out" may need it again; `to-wait`: where the command goes back to its place in line; `never`.
   */
  readonly body: "always" | "until-accepted" | "to-wait" | "never";
  /** A person may still end the command: nothing was sent to the cloud. */
  readonly cancellable: boolean;
}

/** One row a phase. Who adds a phase adds it here, and the compiler asks for every other place. */
export const PHASES = {
  waiting: {
    does: "admit again, after a while",
    body: "always",
    cancellable: true,
  },
  joined: {
    does: "read the outcome of the command that was joined",
    body: "always",
    cancellable: true,
  },
  prepare: {
    does: "stop the server, and wait until it is stopped",
    body: "always",
    cancellable: true,
  },
  submit: {
    does: "the dangerous line: look, sign, record the intent, POST once",
    body: "always",
    cancellable: true,
  },
  reconcile: {
    does: "nobody answered the POST: look for proof",
    body: "until-accepted",
    cancellable: false,
  },
  watch: { does: "ask once how the job is", body: "never", cancellable: false },
  settle: {
    does: "keep the lock for a while after success",
    body: "never",
    cancellable: false,
  },
  restore: {
    does: "start the server that we stopped, or that is off after its reinstall, before the command ends or waits again",
    body: "to-wait",
    cancellable: false,
  },
  inquiry: {
    does: "a command ended `unresolved`: look further, ever more slowly, until the cloud proves what happened",
    body: "never",
    cancellable: false,
  },
} as const satisfies Record<Phase, PhaseTraits>;

/** The row of a phase, by the name that a stored state gives it; null for one that this version does not know. */
export function traitsOf(phase: string): PhaseTraits | null {
  return Object.hasOwn(PHASES, phase) ? PHASES[phase as Phase] : null;
}

/** Phases in which a request is with the cloud, or was. */
export const SENT_PHASES: readonly Phase[] = (Object.keys(PHASES) as Phase[]).filter(
  (phase) => !PHASES[phase].cancellable,
);
