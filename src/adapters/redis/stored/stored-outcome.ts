import { z } from "zod";
import { EventData, ProgressEvent } from "../../../contract/event.ts";
import { storedJson } from "./stored-json.ts";

/** Published again word for word, and so with a name or members that only a later version knows. */
const StoredEvent = ProgressEvent.extend({
  data: EventData.extend({ event: z.string() }),
}).loose() as unknown as typeof ProgressEvent;

/** A final outcome: the field `final` of a record. */
export const StoredOutcome = z.object({
  preface: z.array(StoredEvent).optional(),
  event: StoredEvent,
  reply: z.object({ queue: z.string(), correlationId: z.string().optional() }).nullable(),
  dead: z.object({ reason: z.string(), body: z.unknown() }).nullable(),
  fenceAtMs: z.number().nullable().optional(),
  inquiry: z.object({ envelope: z.unknown(), delayMs: z.number() }).optional(),
});

/** What follows from a saved step: the field `outbox` of a record. */
export const Outbox = z.object({
  events: z.array(StoredEvent),
  next: z.object({ envelope: z.unknown(), delayMs: z.number() }).nullable(),
});

/** As much of an outbox as says which message follows from it, by which queue, and when that is due (epoch ms). */
export const SavedNext = storedJson(
  z.object({
    next: z
      .object({
        envelope: z.object({
          step: z.int(),
          dueMs: z.number(),
          state: z.object({ phase: z.string() }),
        }),
        delayMs: z.number(),
      })
      .nullable(),
  }),
);
