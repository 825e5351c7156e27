import { z } from "zod";
import { COMMON_MEMBERS, EventName, type ProgressEvent } from "../../contract/event.ts";

/** An event in a note: without its envelope, and without what every event of the command says. */
const NotedEvent = z.object({
  event: EventName.or(z.string()),
  sequence: z.int(),
  /** RFC 3339: when it became true. */
  time: z.string(),
  /** What this event adds. Left out where it is long. */
  data: z.record(z.string(), z.unknown()).optional(),
});

/**
 * What a saved step led to, kept in the command's record for people: where it stands since, and the events that the step
 * published. Holds no secret, as events do not.
 */
export const StepNote = z.object({
  step: z.int(),
  /** When the step was taken, by the store's clock, epoch ms. */
  atMs: z.number(),
  /** The phase that it led to. */
  phase: z.string(),
  /** Number of the present, or next, try to send the request. */
  attempt: z.int(),
  events: z.array(NotedEvent),
});
export type StepNote = z.infer<typeof StepNote>;

/** A note is no longer than this, in characters: a record must stay small. */
const MOST_CHARACTERS = 2_000;

/** The note of one step, in the form in which it is stored. */
export function stepNote(
  step: Omit<StepNote, "events">,
  published: readonly ProgressEvent[],
): string {
  const events = published.map(noted);
  const whole = JSON.stringify({ ...step, events });
  if (whole.length <= MOST_CHARACTERS) return whole;
  return JSON.stringify({ ...step, events: events.map(({ data: _data, ...rest }) => rest) });
}

function noted({ time, data }: ProgressEvent): StepNote["events"][number] {
  const added = Object.entries(data).filter(([name]) => !COMMON_MEMBERS.has(name));
  return { event: data.event, sequence: data.sequence, time, data: Object.fromEntries(added) };
}

/** Of a command's notes the first so many are kept, and the last so many. */
export const NOTES_KEPT = { first: 40, last: 20 } as const;
