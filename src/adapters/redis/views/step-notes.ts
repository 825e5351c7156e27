import type { TakenStep } from "../../../contract/evidence.ts";
import type { LastWord } from "../../../contract/overview.ts";
import { NOTES_KEPT, StepNote } from "../../../core/state/step-note.ts";
import type { RedisClient } from "../connection/client.ts";
import { hashFields } from "../stored/hash-fields.ts";
import { storedJson } from "../stored/stored-json.ts";

/** Fields of a command's record that hold the notes of its steps. */
export const NOTES = Array.from(
  { length: NOTES_KEPT.first + NOTES_KEPT.last },
  (_, place) => `note:${place}`,
);

/** What the steps led to, in their order. What cannot be read, of a version that we do not know, is left out. */
export function stepsOf(notes: readonly (string | null)[]): readonly TakenStep[] {
  return notes
    .flatMap((text): TakenStep[] => {
      const note = storedJson(StepNote).safeParse(text).data;
      if (note === undefined) return [];
      const events = note.events.map(({ data = null, ...event }) => ({ ...event, data }));
      return [{ ...note, events }];
    })
    .toSorted((a, b) => a.step - b.step || a.atMs - b.atMs);
}

/** What a command's last event `waiting` said of that reason; null: it said no more than the reason, or it is not kept. */
export async function lastWordOn(
  redis: RedisClient,
  recordKey: string,
  waitsFor: string,
): Promise<LastWord | null> {
  const notes = await hashFields(redis, recordKey, ...NOTES);
  if (notes === "foreign") return null;
  const last = stepsOf(notes)
    .flatMap(({ events }) => events)
    .findLast(({ event, data }) => event === "waiting" && data?.["waits_for"] === waitsFor);
  const detail = last?.data?.["detail"];
  const atMs = Date.parse(last?.time ?? "");
  if (typeof detail !== "string" || Number.isNaN(atMs)) return null;
  const nextStep = last?.data?.["next_step"];
  return { atMs, detail, nextStep: typeof nextStep === "string" ? nextStep : null };
}
