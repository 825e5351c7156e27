import { shownNames } from "./reading/names.ts";
import type { ImplausibleStamp } from "./sent-at.ts";

/** What an emitter should know of a command that was understood all the same. Names only: no value of the message. */
export interface IntakeNotes {
  /** Fields that nobody reads: ignored. */
  readonly unknownFields: readonly string[];
  /** Optional fields that were `null`: taken for absent. */
  readonly nulls: readonly string[];
  /** Instants that were never set: taken for absent. */
  readonly unsetTimes: readonly string[];
  /** Why the AMQP `timestamp` was taken for absent; undefined: it was not. */
  readonly ignoredTimestamp?: ImplausibleStamp | undefined;
}

/** The notes as members of an event's `data`; nothing where there is nothing to say. */
export function notesData(notes: IntakeNotes | undefined): Readonly<Record<string, unknown>> {
  if (notes === undefined) return {};
  const { unknownFields, nulls, unsetTimes, ignoredTimestamp } = notes;
  return {
    ...(unknownFields.length === 0 ? {} : { unknown_fields: shownNames(unknownFields) }),
    ...(nulls.length === 0 ? {} : { null_fields: shownNames(nulls) }),
    ...(unsetTimes.length === 0 ? {} : { unset_times: unsetTimes }),
    ...(ignoredTimestamp === undefined ? {} : { ignored_timestamp: ignoredTimestamp }),
  };
}
