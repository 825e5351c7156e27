import { z } from "zod";
import { FINAL_EVENTS, WaitReason } from "../../contract/event.ts";
import { CommandId, DiskId, JobId } from "../../contract/ids.ts";
import { OsReinstall } from "../../contract/os-reinstall.ts";
import { LockOwner } from "./lock-owner.ts";
import { openObject } from "./open-object.ts";
import { Power } from "../server/power.ts";

/** The server as it was before anything was done to it: what "replaced" is measured against. */
export const Before = openObject({
  systemDiskId: DiskId,
  /** Volume type where the cloud shows it: evidence is counted apart for each. */
  volumeType: z.string().optional(),
  /** Operating system where the cloud shows it: how long jobs take is learned apart for each. Since 0.2. */
  osType: z.string().optional(),
  status: z.string(),
  atMs: z.number(),
});
export type Before = z.infer<typeof Before>;

/**
 * How often this command has been at the dangerous line. `attempt` is the number of the submission that
 * comes next or is under way: it grows with every POST and fences off whoever held a lower one.
 * `spent` counts only those that may have reached the cloud: the budget.
 */
const Tries = openObject({
  attempt: z.int().min(1),
  spent: z.int().min(0),
  /** What the cloud refused last, for a reason of the server's own, how often in a row and since when. Since 0.2. */
  refused: openObject({
    code: z.string(),
    times: z.int().min(1),
    sinceMs: z.number(),
    /** A person has been advised. */
    advised: z.boolean().optional(),
  }).optional(),
  /** How often its server was to be started again because the cloud had refused its reinstall for too long. Since 0.2. */
  restarts: z.int().min(1).optional(),
});
export type Tries = z.infer<typeof Tries>;

const Waiting = openObject({
  phase: z.literal("waiting"),
  body: OsReinstall,
  tries: Tries,
  /** Versions before 0.2 wrote `paused` for the brake `pause`. */
  waitsFor: WaitReason.or(z.literal("paused").transform(() => "pause" as const)),
  /** The command that holds the server. */
  holder: CommandId.optional(),
  /** The other service that holds it; never together with `holder`. */
  lockOwner: LockOwner.optional(),
  before: Before.optional(),
  power: Power.optional(),
  /** How far away the next try was when `waiting` was published last: 1 a minute or more, 2 ten minutes or more. */
  waitClass: z.int().optional(),
  /**
   * It may have run: the store forgot this command while it waited. Prove that it was not carried out, first. The name is
   * that of messages of every version; the code says `mayHaveRun`.
   */
  doubt: z.boolean().optional(),
  sinceMs: z.number(),
});

const Joined = openObject({
  phase: z.literal("joined"),
  /** Kept for going on by itself, when the other ends in a way that is its own; absent in messages of version 1. */
  body: OsReinstall.optional(),
  leader: CommandId,
  /** The store forgot this command while it was joined: it may have gone on by itself. */
  doubt: z.boolean().optional(),
  sinceMs: z.number(),
});

const Prepare = openObject({
  phase: z.literal("prepare"),
  body: OsReinstall,
  tries: Tries,
  before: Before,
  power: Power.optional(),
  /** The stop that was asked for last; absent until the first. */
  stop: openObject({
    type: z.enum(["SOFT", "HARD"]),
    jobId: JobId.optional(),
    askedAtMs: z.number(),
    /** After this soft one a hard one may have been taken, and was not published. Since 0.2. */
    hardUnanswered: z.literal(true).optional(),
  }).optional(),
  sinceMs: z.number(),
});

const Submit = openObject({
  phase: z.literal("submit"),
  body: OsReinstall,
  tries: Tries,
  before: Before,
  power: Power.optional(),
  /** What the command waits for at the line, and since when: it keeps its server stopped for a short wait of the cloud. */
  waited: openObject({ waitsFor: WaitReason, sinceMs: z.number() }).optional(),
});

/** The cloud had accepted a request: its job, and when (epoch ms). */
const Accepted = openObject({ jobId: JobId, atMs: z.number() });

/** Why it is not known whether a request was carried out. */
const UnknownCause = z.enum([
  "no-answer",
  "redelivered",
  "store-forgot",
  "job-vanished",
  "job-foreign",
]);

const Reconcile = openObject({
  phase: z.literal("reconcile"),
  /** Kept for a next attempt; absent when the message was rebuilt from the record, or no attempt may follow. */
  body: OsReinstall.optional(),
  tries: Tries,
  /** Absent when the first look was lost: then no disk can prove anything. */
  before: Before.optional(),
  power: Power.optional(),
  /** From this instant on the request is dead wherever it is: its signature is too old. Null: it never dies. */
  fenceAtMs: z.number().nullable(),
  deadlineMs: z.number(),
  sinceMs: z.number(),
  /** The cloud had accepted the request (its job vanished): it was carried out or never will be retried. */
  accepted: Accepted.optional(),
  why: UnknownCause,
});

const Watch = openObject({
  phase: z.literal("watch"),
  tries: Tries,
  jobId: JobId,
  /** What the cloud called the request that it accepted; absent: it did not say, or an older version's. */
  requestId: z.string().optional(),
  before: Before,
  power: Power.optional(),
  acceptedAtMs: z.number(),
  deadlineMs: z.number(),
  /** Has `submitted` been published? Not when the record could not be saved right after the POST. */
  announced: z.boolean(),
  /** Polls in a row that said SUCCESS while the server did not agree yet. */
  successes: z.int(),
  /** Polls in a row that did not know the job. */
  missing: z.int(),
  /** Polls in a row whose sub-jobs named other servers only; absent: none. */
  foreign: z.int().optional(),
  /** When the job was asked for last; absent: not yet, or lists are not used. Since 0.2. */
  askedAtMs: z.number().optional(),
});

/** What is known about a reinstall that worked. */
const Success = openObject({
  durationSeconds: z.number().nullable(),
  verified: z.boolean(),
  evidence: z.enum(["job", "system-disk-replaced"]),
  volumeType: z.string().optional(),
  disk: z.enum(["replaced", "kept", "unseen"]),
  /** `power` of the final event. */
  power: z.record(z.string(), z.unknown()).optional(),
});

const Settle = openObject({
  phase: z.literal("settle"),
  jobId: JobId.optional(),
  untilMs: z.number(),
  success: Success,
});

/** The server is asked until it answers (`READY_PROBE`). Since 0.2. */
const Ready = openObject({
  phase: z.literal("ready"),
  jobId: JobId.optional(),
  success: Success,
  /** When the settling time was over. */
  sinceMs: z.number(),
  /** From then on one more ask decides. */
  untilMs: z.number(),
  /** The server's own address, as the cloud named it after the reinstall; absent: not looked for yet, or none was named. */
  address: z.string().optional(),
});

const Restore = openObject({
  phase: z.literal("restore"),
  /** Of a command that goes back to its place in line. */
  body: OsReinstall.optional(),
  power: Power,
  sinceMs: z.number(),
  /** How often in a row the server was seen off and idle. */
  seenOff: z.int().optional(),
  /** Since when it could be started: its deadline counts from then. */
  startableSinceMs: z.number().optional(),
  /** The start that was asked for last. */
  start: openObject({
    askedAtMs: z.number(),
    jobId: JobId.optional(),
    /** Why it was not taken, or not answered. */
    said: z.string().optional(),
    /** What a person has to put right before it is taken. Since 0.2. */
    remedy: z.string().optional(),
    /** It may have been taken, and `starting` was not published. Since 0.2. */
    unanswered: z.literal(true).optional(),
  }).optional(),
  /** What keeps the worker from starting the server, and since when; absent: nothing. Since 0.2. */
  waited: openObject({ waitsFor: WaitReason, sinceMs: z.number() }).optional(),
  /** Codes of what kept it from that and was published. Since 0.2. */
  published: z.array(z.string()).optional(),
  /** What the command comes to when the server is as it should be. */
  after: z.discriminatedUnion("kind", [
    openObject({
      kind: z.literal("end"),
      /** The final event. */
      ending: openObject({
        event: z.enum(FINAL_EVENTS),
        data: z.record(z.string(), z.unknown()),
        deadReason: z.string().optional(),
      }),
    }),
    openObject({
      kind: z.literal("wait"),
      /** Its state in line, without phase, body and power. */
      place: Waiting.omit({ phase: true, body: true, power: true }),
      /** When it asks again, epoch ms: what the cloud asked for goes on while the server is started. Absent: an older version's. */
      nextTryMs: z.number().optional(),
      /** Once it runs again it is left alone for so long, ms. Absent: until `nextTryMs`. Since 0.2. */
      restMs: z.number().optional(),
    }),
    openObject({ kind: z.literal("succeed"), success: Success, jobId: JobId.optional() }),
  ]),
});

/** What a person says of an `unresolved` command, kept until it counts. */
export const Word = openObject({ by: z.string(), why: z.string(), atMs: z.number() });
export type Word = z.infer<typeof Word>;

/**
 * What a command left `unresolved`: nobody knows whether its request was carried out, and the server is locked. The
 * inquiry looks further, ever more slowly. It has a record and steps of its own beside the command's (contract §3).
 */
const Inquiry = openObject({
  phase: z.literal("inquiry"),
  /** A person has said that nothing was reinstalled: it counts once the server runs again, where that is owed. */
  word: Word.optional(),
  /** As in `reconcile`: absent when the first look was lost. */
  before: Before.optional(),
  power: Power.optional(),
  /** The start that was asked for, before it is said that nothing was done. */
  start: openObject({
    askedAtMs: z.number(),
    firstAskedAtMs: z.number(),
    /** Why it was not taken, or not answered. */
    said: z.string().optional(),
  }).optional(),
  /** As in `reconcile`: from then on the request is dead; null: it never dies. */
  fenceAtMs: z.number().nullable(),
  /** The job of the request, where its id is known. */
  accepted: Accepted.optional(),
  why: UnknownCause.or(z.literal("deadline")),
  sinceMs: z.number(),
  /** When the inquiry gives up; the server stays locked. */
  untilMs: z.number(),
});

/** One unfinished command, as its message carries it. */
export const State = z.discriminatedUnion("phase", [
  Waiting,
  Joined,
  Prepare,
  Submit,
  Reconcile,
  Watch,
  Settle,
  Ready,
  Restore,
  Inquiry,
]);
export type State = z.infer<typeof State>;
export type Phase = State["phase"];
export type In<P extends Phase> = Extract<State, { phase: P }>;

/** The state without the `os-reinstall` body, which may hold `user_data`: what may leave our own messages. */
export function withoutBody(state: State): State | Omit<State, "body"> {
  if (!("body" in state)) return state;
  const { body: _body, ...rest } = state;
  return rest;
}
