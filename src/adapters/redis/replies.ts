import { z } from "zod";
import { PauseEntry } from "../../contract/brakes.ts";
import { EventData, ProgressEvent } from "../../contract/event.ts";
import { DiskId, JobId } from "../../contract/ids.ts";
import { Hold } from "../../core/gate.ts";
import { shownOwner } from "../../core/lock-owner.ts";

/** JSON kept as text inside a record. */
function stored<T extends z.ZodType>(shape: T) {
  return z
    .string()
    .transform((text, ctx) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        ctx.addIssue({ code: "custom", message: "is not JSON" });
        return z.NEVER;
      }
    })
    .pipe(shape);
}

/** Told again word for word, and so with a name or members that only a later version knows. */
const StoredEvent = ProgressEvent.extend({
  data: EventData.extend({ event: z.string() }),
}).loose() as unknown as typeof ProgressEvent;

export const StoredOutcome = z.object({
  preface: z.array(StoredEvent).optional(),
  event: StoredEvent,
  reply: z.object({ queue: z.string(), correlationId: z.string().optional() }).nullable(),
  dead: z.object({ reason: z.string(), body: z.unknown() }).nullable(),
});

export const Outbox = z.object({
  events: z.array(StoredEvent),
  next: z.object({ envelope: z.unknown(), delayMs: z.number() }).nullable(),
});

/** As much of a saved step as tells which message follows from it, and when that is due. */
export const SavedNext = stored(
  z.object({
    next: z
      .object({
        envelope: z.object({ step: z.int(), dueMs: z.number() }),
        delayMs: z.number(),
      })
      .nullable(),
  }),
);

/** One pause of the hash of pauses. */
export const StoredPause = stored(PauseEntry);

const Forgotten = z.object({ kind: z.literal("forgotten") });
const Fenced = z.object({ kind: z.literal("fenced") });
const Saved = z.object({ kind: z.literal("saved") });
const SavedBefore = z.object({ kind: z.literal("saved"), outbox: stored(Outbox) });
const Rebuilding = z.object({ kind: z.literal("rebuilding"), untilMs: z.number() });
const RefusalUnconfirmed = z.object({ kind: z.literal("refusal-unconfirmed") });
const Finished = z.object({
  kind: z.literal("finished"),
  outcome: stored(StoredOutcome),
  told: z.boolean(),
});

const View = z.object({
  phase: z.string(),
  sequence: z.int(),
  updatedAtMs: z.number(),
  outcome: z.string().nullable(),
  jobId: z.string().nullable(),
});
/** A brake holds the command. */
const Held = z.object({ kind: z.literal("held"), hold: Hold });

export const LockReply = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("acquired"), token: z.int() }),
  z.object({
    kind: z.literal("busy"),
    // Whatever another service calls itself.
    holder: z.string().transform(shownOwner),
    sameWish: z.boolean(),
  }),
  z.object({ kind: z.literal("superseded"), healedAtMs: z.number() }),
  Held,
  Rebuilding,
]);

export const AdmitReply = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("claimed"),
    nonce: z.string(),
    step: z.literal(0),
    sequence: z.int(),
    epoch: z.string(),
    atMs: z.number(),
    lock: LockReply,
    doubt: z.boolean(),
  }),
  SavedBefore,
  Finished.extend({ duplicate: View.nullable() }),
  z.object({ kind: z.literal("handed-over") }),
  z.object({ kind: z.literal("duplicate"), view: View }),
  z.object({ kind: z.literal("id-reused"), sinceMs: z.number() }),
  RefusalUnconfirmed,
  Rebuilding.extend({ doubt: z.boolean() }),
]);

export const ClaimReply = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("claimed"),
    nonce: z.string(),
    step: z.int(),
    sequence: z.int(),
    epoch: z.string(),
    atMs: z.number(),
    rebuildingUntilMs: z.number().nullable(),
    attempt: z.object({
      attempt: z.int(),
      intent: z
        .object({ attempt: z.int(), signedAtMs: z.number().nullable(), diskId: DiskId })
        .nullable(),
      jobId: JobId.nullable(),
    }),
    takenOver: z.boolean(),
    restored: z.enum(["no", "behind", "absent"]),
    foreignEpoch: z.boolean(),
    unseen: z.boolean(),
    lock: z.enum(["held", "lost", "none"]),
    cancelRequested: z.boolean(),
  }),
  SavedBefore,
  Finished,
  z.object({ kind: z.literal("stale") }),
  z.object({ kind: z.literal("id-taken") }),
]);

export const HopReply = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("waits"), atMs: z.number(), mayHaveRun: z.boolean() }),
  SavedBefore,
  Finished,
  z.object({ kind: z.literal("stale") }),
]);

export const SaveReply = z.discriminatedUnion("kind", [Saved, Fenced, Forgotten]);

export const IntentReply = z.discriminatedUnion("kind", [Saved, Held, Fenced, Forgotten]);

export const MayStopReply = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("go") }),
  Held,
  Fenced,
  Forgotten,
]);

export const AcquireReply = z.union([LockReply, Fenced, Forgotten]);

export const TakeAttemptReply = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("taken"), attempt: z.int() }),
  Fenced,
  Forgotten,
]);

export const FinishReply = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("finished"), outcome: stored(StoredOutcome), first: z.boolean() }),
  Fenced,
  Forgotten,
]);

export const RefuseReply = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("finished"), outcome: stored(StoredOutcome), first: z.boolean() }),
  z.object({ kind: z.literal("id-reused"), sinceMs: z.number() }),
  RefusalUnconfirmed,
  z.object({ kind: z.literal("renumber"), sequence: z.int() }),
  Rebuilding,
]);
