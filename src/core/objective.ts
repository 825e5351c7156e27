import type { FinalEventName } from "../contract/event.ts";
import type { EndVerdict } from "../contract/labels.ts";

/** The end of one command, as far as the objective looks at it. */
export interface JudgedEnd {
  readonly event: FinalEventName;
  /** It shared the reinstall of another command, which is judged itself. */
  readonly joined: boolean;
  /** A failure that the emitter made (the column of docs/errors.md): a wrong id, a key pair that is not there. */
  readonly emittersMistake: boolean;
}

/**
 * Is it a good end? The objective is about reinstalls that somebody was right to ask for and that nobody called off:
 *
 * | end | verdict |
 * |---|---|
 * | `succeeded` | good |
 * | `failed` | bad, unless the emitter made the mistake |
 * | `unresolved` | bad, whatever is found out later |
 * | `expired` | bad: the server was not reinstalled in time, whatever held the command back |
 * | `rejected` | excluded: the emitter's mistake |
 * | `quarantined`, `superseded`, `cancelled`, `planned` | excluded: not to be done, no longer needed, or only asked |
 * | any, of a command that had joined another | excluded: one reinstall is one end |
 */
export function endVerdict({ event, joined, emittersMistake }: JudgedEnd): EndVerdict {
  if (joined) return "excluded";
  switch (event) {
    case "succeeded":
      return "good";
    case "failed":
      return emittersMistake ? "excluded" : "bad";
    case "unresolved":
    case "expired":
      return "bad";
    case "rejected":
    case "quarantined":
    case "superseded":
    case "cancelled":
    case "planned":
      return "excluded";
  }
}
