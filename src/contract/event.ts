import { z } from "zod";

/** Progress events that more may follow (contract §3). */
const PROGRESS_EVENTS = [
  "accepted",
  "waiting",
  "stopping",
  "starting",
  "submitted",
  "progress",
  "joined",
] as const;

/** Outcomes: exactly one ends a command. `duplicate` ends a delivery, not a command. */
export const FINAL_EVENTS = [
  "succeeded",
  "failed",
  "unresolved",
  "rejected",
  "quarantined",
  "superseded",
  "expired",
  "cancelled",
  "planned",
] as const;

/**
 * What is said of a command beside its own events: an answer to a second copy; and what became of one that ended
 * `unresolved`, under an id of its own (contract §3).
 */
const OTHER_EVENTS = ["duplicate", "settled"] as const;

/** What an inquiry, or a person, found out about an `unresolved` reinstall. */
export const SETTLED_AS = ["reinstalled", "not-reinstalled", "failed"] as const;
export type SettledAs = (typeof SETTLED_AS)[number];

export const EventName = z.enum([...PROGRESS_EVENTS, ...FINAL_EVENTS, ...OTHER_EVENTS]);
export type EventName = z.infer<typeof EventName>;
export type FinalEventName = (typeof FINAL_EVENTS)[number];

/** What a waiting command waits for: a state of the world, or a brake by its name. */
export const WaitReason = z.enum([
  "server-busy",
  "server-unstable",
  "throttled",
  "cloud-unavailable",
  "clock-skew",
  "store-rebuilding",
  "not-before",
  "pause",
  "protected",
  "cooldown",
  "quarantine",
  "storm-failures",
  "cap",
  "group-cap",
  "source",
  "sender",
  "windows",
  "approval",
]);
export type WaitReason = z.infer<typeof WaitReason>;

/** `data` of every event; what one event adds lies beside these. */
export const EventData = z.looseObject({
  command_id: z.string(),
  project_id: z.string().nullable(),
  server_id: z.string().nullable(),
  event: EventName,
  sequence: z.int().min(1),
  source: z.string().optional(),
  reason: z.string().optional(),
  group: z.string().optional(),
  sender: z.string().optional(),
});

/** Members that the `data` of every event has; what is beside them is what that event adds. */
export const COMMON_MEMBERS: ReadonlySet<string> = new Set(Object.keys(EventData.shape));

/**
 * A progress event: CloudEvents 1.0, structured JSON (contract §3). `id` is `<command_id>/<sequence>`,
 * so a repeat is recognised; `time` is when it became true. Holds no secret.
 */
export const ProgressEvent = z.object({
  specversion: z.literal("1.0"),
  id: z.string(),
  source: z.string(),
  type: z.string(),
  subject: z.string().optional(),
  time: z.iso.datetime(),
  datacontenttype: z.literal("application/json"),
  traceparent: z.string().optional(),
  tracestate: z.string().optional(),
  data: EventData,
});
export type ProgressEvent = z.infer<typeof ProgressEvent>;
