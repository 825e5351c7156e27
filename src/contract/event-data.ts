import { z } from "zod";
import { Brake } from "./brakes.ts";
import { type EventName, ProgressEvent, SETTLED_AS, WaitReason } from "./event.ts";
import {
  BrakeMember,
  CheckMember,
  count,
  EarlierReinstall,
  instant,
  jobId,
  leader,
  nextStep,
  open,
  Power,
  ProblemMember,
  text,
} from "./event-members.ts";

/** Every event of the contract. */
export type ContractEventName = EventName;

/** What the `data` of every event has. */
const COMMON = {
  command_id: text(
    "the command; in the answer to a misuse of an id `<id>~<hash>`, which is no command's id",
  ),
  reused_command_id: text("only in the answer to a misuse of an id: the id").optional(),
  project_id: text("lower case; null when the command did not name one validly").nullable(),
  server_id: text("lower case; null when the command did not name one validly").nullable(),
  sequence: z
    .int()
    .min(1)
    .describe("orders the events of one command; it only grows, and may jump"),
  source: text("the command's `source`").optional(),
  reason: text("the command's `reason`").optional(),
  group: text("the command's `group`").optional(),
  sender: text(
    "the broker user who sent the command: its AMQP `user_id`, which the broker checks",
  ).optional(),
};

/** What is said of the message itself, where it is understood. */
const NOTES = {
  unknown_fields: z.array(z.string()).describe("fields that nobody reads").optional(),
  null_fields: z.array(z.string()).describe("fields that were null: taken as absent").optional(),
  unset_times: z
    .array(z.string())
    .describe("instants that were never set: taken as absent")
    .optional(),
  ignored_timestamp: open(
    ["before-2020", "in-the-future"],
    "why the AMQP timestamp was taken as absent",
  ).optional(),
  warnings: z.array(ProblemMember).describe("what stops nothing, but may be wrong").optional(),
};

/** Of a stop or a start. */
const unanswered = text(
  "its answer was lost, or the worker that asked for it: the cloud may not have been asked at all",
).optional();

/** What each event's `data` has beside the common members. */
const ADDED = {
  accepted: {
    ...NOTES,
    override: z
      .array(open(Brake.options, "a brake"))
      .describe("brakes that do not apply to this command, as it asked")
      .optional(),
  },
  waiting: {
    waits_for: open(
      [...new Set([...WaitReason.options, ...Brake.options])],
      "a state of the world, or a brake by its name",
    ),
    holder: text(
      "of `server-busy`: the command, or the other service, that has the server",
    ).optional(),
    detail: text("more about it, for people").optional(),
    brake: BrakeMember.optional(),
    until: instant("until when it waits, where that is known").optional(),
    next_step: text(
      "what a person should do: at once where a server that we stopped cannot be started before that, else once the cloud has refused the same for an hour",
    ).optional(),
    power: Power,
    expires_at: instant("not started after this instant"),
  },
  joined: { leader: text("the command that is doing the same; its result is shared") },
  stopping: {
    stop_type: z.enum(["SOFT", "HARD"]).describe("an orderly stop, or a power cut"),
    job_id: jobId.optional(),
    detail: unanswered,
  },
  starting: {
    job_id: jobId.optional(),
    why: text("why it is started").optional(),
    detail: unanswered,
  },
  submitted: {
    job_id: jobId,
    attempt: z.int().min(1).describe("which try to send the request this was"),
    request_id: text(
      "what the cloud calls the request (`X-Request-Id`), for its support; absent where it does not say",
    ).optional(),
  },
  progress: {
    job_id: jobId,
    job_status: text("as the cloud says it"),
    elapsed_seconds: z.number().min(0).describe("since the accepted request"),
    sub_jobs_total: count("parts of the job, where the cloud shows them").optional(),
    sub_jobs_done: count("those that have ended").optional(),
  },
  succeeded: {
    job_id: jobId.nullable().describe("null when the cloud's answer was lost"),
    duration_seconds: z
      .number()
      .min(0)
      .nullable()
      .describe("from the accepted request to the job's end; null when no job said it"),
    verified: z.boolean().describe("the server's own state confirms it"),
    evidence: open(["job", "system-disk-replaced"], "what proves it"),
    power: Power,
    ready: z
      .boolean()
      .describe("the server answers; absent where nobody asked it (READY_PROBE)")
      .optional(),
    ready_seconds: z
      .number()
      .min(0)
      .describe("for how long it was asked, after SETTLE_MS; there where `ready` is")
      .optional(),
    ready_detail: text("why it is not ready: the result of the last ask").optional(),
    leader,
  },
  failed: {
    class: open([], "what kind of failure; all of them: docs/errors.md"),
    cloud_code: z.string().nullable().describe("the cloud's own code"),
    message: text("in words"),
    retryable: z
      .boolean()
      .describe("the same command may succeed later without anybody changing anything"),
    next_step: nextStep,
    job_id: jobId.optional(),
    power: Power,
    leader,
  },
  unresolved: {
    seen: text("what was seen last"),
    why: open(
      [
        "deadline",
        "no-answer",
        "redelivered",
        "store-forgot",
        "job-vanished",
        "job-foreign",
        "id-taken",
      ],
      "why nobody can know",
    ),
    job_id: jobId.optional(),
    system_disk_before: z
      .string()
      .nullable()
      .describe("the system disk before anything was done; another one now proves a reinstall")
      .optional(),
    disk_evidence: text("whether the disk's id can be trusted as proof").optional(),
    next_step: nextStep,
    leader,
    power: Power,
  },
  rejected: {
    problems: z.array(ProblemMember).min(1).describe("every rule that was broken"),
    brake: BrakeMember.optional(),
    power: Power,
  },
  quarantined: {
    reinstalls: z.array(EarlierReinstall).describe("the server's last reinstalls"),
    limit: count("so many are allowed").optional(),
    window_seconds: z.number().min(0).describe("within this time").optional(),
    brake: BrakeMember.optional(),
    next_step: text("how a person lifts it"),
    power: Power,
  },
  superseded: {
    why: open(["healed-since", "system-disk-changed"], "why it is no longer needed"),
    healed_at: instant("when the server was reinstalled").optional(),
    expected_system_disk: text("the one that the emitter saw").optional(),
    system_disk: text("the one that is there now").optional(),
    power: Power,
  },
  expired: {
    expires_at: instant("when its time was over"),
    because: open(
      [
        "expires_at",
        "age-since-timestamp",
        "age-since-arrival",
        "age-since-not-before",
        "expiration",
        "message-ttl",
      ],
      "what set that time",
    ).optional(),
    queue: text("of `expiration` and `message-ttl`: the queue in which it lay").optional(),
    expiration_ms: count("of `expiration`: the message's own").optional(),
    brake: BrakeMember.optional(),
    power: Power,
  },
  cancelled: {
    why: text("the reason that the person gave"),
    by: text("the person who cancelled it").optional(),
    power: Power,
  },
  planned: {
    checks: z.array(CheckMember).describe("each check and each brake, in order"),
    would: open(["reinstall", "stop-then-reinstall", "nothing-now"], "what would be done"),
    system_disk: z.string().nullable().describe("the one that is there now"),
    ...NOTES,
  },
  duplicate: {
    original: z
      .object({
        phase: text("where it stands, or stood last"),
        outcome: z.string().nullable().describe("its final event; null while it is open"),
        job_id: jobId.nullable(),
        updated_at: instant("when that was stored"),
      })
      .describe("the command that has the id"),
  },
  settled: {
    as: z.enum(SETTLED_AS).describe("what became of the `unresolved` reinstall"),
    evidence: open(
      ["job", "system-disk-replaced", "system-disk-kept", "server", "person"],
      "what proves it",
    ).optional(),
    verified: z.boolean().describe("the server's own state confirms it").optional(),
    class: text("of `failed`: what kind of failure").optional(),
    cloud_code: z.string().nullable().describe("of `failed`: the cloud's own code").optional(),
    message: text("in words").optional(),
    next_step: nextStep.optional(),
    by: text("the person who settled it").optional(),
    why: text("the reason that the person gave").optional(),
    power: Power,
  },
} as const satisfies Record<ContractEventName, z.ZodRawShape>;

/** The whole event by its name: CloudEvents 1.0 around `data` (contract §3). Unknown members are not errors: versions add some. */
export const EVENTS = Object.fromEntries(
  Object.entries(ADDED).map(([name, added]) => [
    name,
    ProgressEvent.extend({
      id: text("`<command_id>/<sequence>`; a repeat has the same id and the same bytes"),
      source: text("`/ecs-reinstall-worker/<region>/<project_id>`"),
      type: z.literal(`ecs.reinstall.${name}.v1`).describe("`ecs.reinstall.<event>.v1`"),
      subject: text("the server id, where the command named one validly").optional(),
      time: instant("when it became true"),
      traceparent: text("the command's W3C trace context").optional(),
      tracestate: text("the command's W3C trace context").optional(),
      data: z.object({ ...COMMON, event: z.literal(name).describe("its name"), ...added }),
    }),
  ]),
) as unknown as { readonly [N in ContractEventName]: z.ZodType<EventOf<N>> & z.ZodObject };

type Added<N extends ContractEventName> = z.infer<z.ZodObject<(typeof ADDED)[N]>>;
type Common = z.infer<z.ZodObject<typeof COMMON>>;

/** One event of a name, with what its `data` holds. */
export type EventOf<N extends ContractEventName> = Omit<ProgressEvent, "data" | "type"> & {
  readonly type: `ecs.reinstall.${N}.v1`;
  readonly data: Common & { readonly event: N } & Added<N>;
};

/** Any event of the contract, distinguished by `data.event`. */
export type ReinstallEvent = { [N in ContractEventName]: EventOf<N> }[ContractEventName];

/** The names, in the order in which a reader should meet them. */
export const CONTRACT_EVENTS = Object.keys(ADDED) as ContractEventName[];
