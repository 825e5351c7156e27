import { NOTES_KEPT, stepNote } from "../../../src/core/state/step-note.ts";
import type { StepSave } from "../../../src/steps/ports/step-record.ts";
import type { CommandRecord } from "./memory.ts";

/** The notes of a record once the step is saved, as `save.lua` keeps them; nothing where there is nothing to note. */
export function notesWith(
  record: CommandRecord,
  { claim, state, outbox }: StepSave,
  attempt: number,
): Pick<CommandRecord, "notes"> {
  if (outbox.events.length === 0 && record.phase === state.phase) return {};
  const { count, kept } = record.notes ?? { count: 0, kept: {} };
  const { first, last } = NOTES_KEPT;
  const place = count < first ? count : first + ((count - first) % last);
  const step = { step: claim.step, atMs: claim.atMs, phase: state.phase, attempt };
  return { notes: { count: count + 1, kept: { ...kept, [place]: stepNote(step, outbox.events) } } };
}
