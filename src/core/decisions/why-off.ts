import type { Look, Refusal } from "../server/observations.ts";
import type { WhyOff } from "../server/power.ts";

/** Why a server cannot be seen; undefined: it can. */
export function whyUnseen(look: Look): WhyOff | undefined {
  switch (look.kind) {
    case "refused":
      return { ...refusedStart(look.refusal), said: `it cannot be seen: ${look.refusal.message}` };
    case "unreadable":
      return { said: `it cannot be seen: ${look.message}` };
    case "seen":
    case "absent":
      return undefined;
  }
}

/** Why a server was not started that the cloud refuses to start. */
export function refusedStart({ message, nextStep, retryable }: Refusal): WhyOff {
  return retryable ? { said: message } : { said: message, remedy: remedyIn(nextStep) };
}

/** A person has to put something right: a start that is refused for that is tried until it is too late (brakes.md §8). */
export function lastsUntilHelped({ class: of }: Refusal): boolean {
  return of === "permission" || of === "account";
}

/** What the advice to whoever sends commands says of what is wrong: this command goes on by itself. */
function remedyIn(nextStep: string): string {
  return nextStep.replace(/, then send (a new command|it under a new id)\.$/, ".");
}
