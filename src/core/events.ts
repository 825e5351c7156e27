import type { Problem } from "../contract/command.ts";
import type { EventName, FinalEventName, ProgressEvent } from "../contract/event.ts";
import type { CommandId, ProjectId, ServerId } from "../contract/ids.ts";
import { sha256 } from "./identity.ts";
import type { ReplyTo, TraceContext } from "./order.ts";

/** Whom an event is about. Project and server are null when the command did not name them validly. */
export interface Subject {
  readonly commandId: CommandId;
  readonly projectId: ProjectId | null;
  readonly serverId: ServerId | null;
  readonly source?: string | undefined;
  readonly reason?: string | undefined;
  readonly group?: string | undefined;
  readonly replyTo?: ReplyTo | undefined;
  readonly trace?: TraceContext | undefined;
}

/** What an event says beside the common members of its `data`. */
export interface EventDraft<N extends EventName = EventName> {
  readonly event: N;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A final outcome before it has its number. */
export interface FinalDraft extends EventDraft<FinalEventName> {
  /** The command deserves a sanitised copy in the dead queue. */
  readonly deadReason?: string;
}

/** One event in its public form (contract §3). The id is made of command id and sequence: telling it twice is harmless. */
export function toProgressEvent(
  region: string,
  subject: Subject,
  sequence: number,
  draft: EventDraft,
  atMs: number,
  idSuffix = "",
): ProgressEvent {
  const { trace } = subject;
  return {
    specversion: "1.0",
    id: `${subject.commandId}${idSuffix}/${sequence}`,
    source: `/ecs-reinstall-worker/${region}/${subject.projectId ?? "-"}`,
    type: `ecs.reinstall.${draft.event}.v1`,
    ...(subject.serverId === null ? {} : { subject: subject.serverId }),
    time: new Date(atMs).toISOString(),
    datacontenttype: "application/json",
    ...(trace?.traceparent === undefined ? {} : { traceparent: trace.traceparent }),
    ...(trace?.tracestate === undefined ? {} : { tracestate: trace.tracestate }),
    data: {
      command_id: subject.commandId,
      project_id: subject.projectId,
      server_id: subject.serverId,
      event: draft.event,
      sequence,
      ...(subject.source === undefined ? {} : { source: subject.source }),
      ...(subject.reason === undefined ? {} : { reason: subject.reason }),
      ...(subject.group === undefined ? {} : { group: subject.group }),
      ...draft.data,
    },
  };
}

/**
 * An answer to a misuse of an id: a second copy of a command, or another content under its id (contract §3). It is no
 * event of the command that owns the id, so its `command_id` is an alias, `<id>~<hash>`: whoever follows the id never
 * takes the answer to somebody else's mistake for its end. `~` is no character of a command id. The hash is that of
 * everything the answer says, so that an event id never names two contents.
 */
export function toMisuseAnswer(
  region: string,
  subject: Subject,
  draft: EventDraft,
  atMs: number,
): ProgressEvent {
  const plain = toProgressEvent(region, subject, 1, draft, atMs);
  const alias = `${subject.commandId}~${sha256(JSON.stringify(plain)).slice(0, 12)}`;
  const { command_id: reused, ...rest } = plain.data;
  return {
    ...plain,
    id: `${alias}/1`,
    data: { command_id: alias, reused_command_id: reused, ...rest },
  };
}

/** `rejected`: not understood or not allowed. */
export function rejected(problems: readonly Problem[], deadReason?: string): FinalDraft {
  return {
    event: "rejected",
    data: { problems },
    ...(deadReason === undefined ? {} : { deadReason }),
  };
}

/** `failed`: the cloud said so, or it is proven that nothing was done. */
export function failed(failure: {
  class: string;
  cloudCode: string | null;
  message: string;
  retryable: boolean;
  nextStep: string;
  jobId?: string | undefined;
}): FinalDraft {
  return {
    event: "failed",
    data: {
      class: failure.class,
      cloud_code: failure.cloudCode,
      message: failure.message,
      retryable: failure.retryable,
      next_step: failure.nextStep,
      ...(failure.jobId === undefined ? {} : { job_id: failure.jobId }),
    },
  };
}
