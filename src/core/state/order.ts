import { z } from "zod";
import { OnBusy } from "../../contract/command.ts";
import { CommandId, DiskId, ProjectId, ServerId } from "../../contract/ids.ts";
import { openObject } from "./open-object.ts";

/** Where the one final event is repeated to, when the emitter asked for it (AMQP `reply_to`, `correlation_id`). */
export const ReplyTo = openObject({ queue: z.string(), correlationId: z.string().optional() });
export type ReplyTo = z.infer<typeof ReplyTo>;

/** W3C trace context of the emitter, passed on unread. */
export const TraceContext = openObject({
  traceparent: z.string(),
  tracestate: z.string().optional(),
});
export type TraceContext = z.infer<typeof TraceContext>;

/** What says until when a command may be started: the emitter, or its greatest age, counted from one of these. */
export type ExpiryCause =
  | "expires_at"
  | "age-since-timestamp"
  | "age-since-arrival"
  | "age-since-not-before";

/**
 * A command on its way, without the `os-reinstall` body: what every step needs and every message
 * carries. Holds no secret. Times are epoch milliseconds.
 */
export const Order = openObject({
  commandId: CommandId,
  projectId: ProjectId,
  serverId: ServerId,
  /** Hash of everything the emitter said: the same id with another hash is another command. */
  contentHash: z.string(),
  /** Hash of server and `os-reinstall`: two commands with the same can share one reinstall. */
  wishHash: z.string(),
  onBusy: OnBusy,
  dryRun: z.boolean(),
  expectedSystemDisk: DiskId.optional(),
  /** Not started after this instant: the emitter's `expires_at`, else arrival plus the greatest age. */
  expiresAtMs: z.number(),
  /** Why then, an {@link ExpiryCause} or one of a later version: `because` of the `expired` event. Absent in earlier ones. */
  expiresBy: z.string().optional(),
  observedAtMs: z.number().optional(),
  /** The emitter's `not_before`: nothing is started before it, and the greatest age counts from it. */
  notBeforeMs: z.number().optional(),
  /** The emitter's `group`: copied to every event. */
  group: z.string().optional(),
  /** Brakes that do not apply to this command, checked against `BRAKES_OVERRIDABLE` when it was understood; may hold a later version's. */
  override: z.array(z.string()).readonly().optional(),
  receivedAtMs: z.number(),
  source: z.string().optional(),
  reason: z.string().optional(),
  /** The broker user who sent it, as the broker had checked at the command queue; absent: nobody said, or an earlier version took it. */
  sender: z.string().optional(),
  replyTo: ReplyTo.optional(),
  trace: TraceContext.optional(),
});
export type Order = z.infer<typeof Order>;
