import { z } from "zod";
import { catalogueEntry } from "../requests/error-catalogue.ts";
import { operations } from "../requests/operation.ts";
import { endsAs, reinstallView, startEnds } from "../options.ts";

const ms = z.number().int().nonnegative();
const bytes = z.number().int().nonnegative();
const fraction = z.number().min(0).max(1);

/** What becomes of the operation that an accepted call starts. Fractions are of the job's duration. */
const runFaultSchema = z.strictObject({
  durationMs: ms.optional(),
  /** The operation ends badly at `atFraction` (default 0.5). */
  fail: z
    .strictObject({
      code: z.string().default("Ecs.0202"),
      reason: z.string().optional(),
      atFraction: fraction.default(0.5),
      /** System disk afterwards: the old one, a new one, or none. Only for reinstalls. */
      disk: z.enum(["kept", "replaced", "lost"]).default("kept"),
      /**
       * State afterwards: `ERROR` with a `fault`, `SHUTOFF`, or what it was before the call. A failed reinstall leaves
       * `shutoff` unless told otherwise, a failed stop or start `unchanged`.
       */
      server: z.enum(["error", "shutoff", "unchanged"]).optional(),
    })
    .optional(),
  /** The job says `SUCCESS` from this part on, while the work goes on. */
  successAtFraction: fraction.optional(),
  /** The job says `RUNNING` for ever; the work itself ends as usual. */
  jobStuck: z.boolean().optional(),
  /** The work itself stops here for ever: server busy, job running. */
  hangsAtFraction: fraction.optional(),
  /** The job cannot be queried for this long after the POST. */
  jobUnknownForMs: ms.optional(),
  /** The job cannot be queried any more from this long after the POST. */
  jobVanishesAfterMs: ms.optional(),
  /** How a query for an unknown or vanished job is answered: 400 `Common.0011`, or 404. */
  jobGoneAnswer: z.enum(["Common.0011", "404"]).optional(),
  /** The job shows another server's id. */
  jobServerId: z.string().optional(),
  /**
   * The job lists its sub-jobs one by one: first that of a temporary server, and only this long after the POST that of
   * the server it is about.
   */
  jobOursAfterMs: ms.optional(),
  /** Shown instead of `INIT` and `RUNNING`. */
  jobStatusText: z.string().optional(),
  subJobs: z.boolean().optional(),
  /** The reinstalled system disk keeps its id. */
  keepsDiskId: z.boolean().optional(),
  view: reinstallView.optional(),
  /** Only for reinstalls: power state after a success, instead of the server's own. */
  endsAs: endsAs.optional(),
  /** Only for starts: how they end, instead of the server's own. `fail` says more. */
  startEnds: startEnds.optional(),
});
export type RunFault = z.infer<typeof runFaultSchema>;

/** What happens to a call and to its answer. Everything may be combined that does not contradict itself. */
const effectFields = {
  /** The bytes are held up here: the signature's age is judged afterwards. */
  delayBeforeExecutionMs: ms.optional(),
  /** After execution, before the first byte of the answer. */
  delayBeforeReplyMs: ms.optional(),
  /** Connection reset, nothing executed. */
  lostRequest: z.boolean().optional(),
  /** Connection reset after execution. */
  lostReply: z.boolean().optional(),
  /** No answer ever; executed only with `executed: true`. */
  blackHole: z.boolean().optional(),
  /** No answer ever; executed after this time, if the signature is still young enough at that moment. */
  lateExecutionMs: ms.optional(),
  /** Whether the call is carried out; see `isExecuted` for the default. */
  executed: z.boolean().optional(),
  /** Answer with this error code: status, shape and text come from the catalogue. */
  error: z
    .string()
    .refine((code) => catalogueEntry(code) !== undefined, "no documented error code")
    .optional(),
  status: z.number().int().min(200).max(599).optional(),
  /** A text is sent as it is, anything else as JSON. */
  body: z.unknown().optional(),
  message: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  retryAfterSeconds: z.number().int().nonnegative().optional(),
  contentType: z.string().optional(),
  html: z.boolean().optional(),
  emptyBody: z.boolean().optional(),
  /** Half of the body, with a `Content-Length` that fits the half. */
  truncatedJson: z.boolean().optional(),
  /** 307 (or `status`) with this `Location`. */
  redirectTo: z.string().optional(),
  /** The connection ends after so many bytes of the status line and headers. */
  cutHeadersAfterBytes: bytes.optional(),
  /** The connection ends after so many bytes of the body. */
  cutBodyAfterBytes: bytes.optional(),
  /** How the two above end it: orderly (FIN) or by a reset (default FIN). */
  cutBy: z.enum(["fin", "reset"]).optional(),
  /** Speed of the body. */
  bytesPerSecond: z.number().positive().optional(),
  /** The body is padded with blanks, still valid JSON, up to this size. */
  hugeBodyBytes: bytes.optional(),
  endlessBody: z.boolean().optional(),
  /** Added to the `Date` header of the answer. */
  dateSkewMs: z.number().int().optional(),
  omitDate: z.boolean().optional(),
  /** Accepts the call although another operation runs on the server or its state forbids it. */
  lax: z.boolean().optional(),
  run: runFaultSchema.optional(),
};

export const faultSchema = z.strictObject({
  operation: z.enum([...operations, "any"]),
  /** Absent: every project. A `token`, `project` or `image` call names none in its path. */
  projectId: z.string().optional(),
  /** Absent: every server. A `token`, `project` or `image` call concerns no server. */
  serverId: z.string().optional(),
  /** So many matching calls pass untouched first. */
  after: z.number().int().nonnegative().default(0),
  /** So many calls are touched; absent: until cleared. */
  times: z.number().int().positive().optional(),
  ...effectFields,
});

/** A fault to switch on: which calls (`operation`, `projectId`, `serverId`, `after`, `times`) and what happens to them. */
export type FaultSpec = z.input<typeof faultSchema>;
export type Fault = z.infer<typeof faultSchema>;
export type Effects = Omit<Fault, "operation" | "projectId" | "serverId" | "after" | "times">;

/**
 * A call is carried out unless its fault says otherwise or answers in the cloud's place (`error`, `status`,
 * `redirectTo`), loses the request, or swallows it.
 */
export function isExecuted(effects: Effects): boolean {
  if (effects.lostRequest === true) return false;
  const answersInstead =
    effects.error !== undefined ||
    effects.status !== undefined ||
    effects.redirectTo !== undefined ||
    effects.blackHole === true;
  return effects.executed ?? !answersInstead;
}
