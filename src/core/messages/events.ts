import type { Problem } from "../../contract/command.ts";
import type { EventName, FinalEventName, ProgressEvent } from "../../contract/event.ts";
import type { CommandId, ProjectId, ServerId } from "../../contract/ids.ts";
import { sha256 } from "../identity.ts";
import type { Acceptance } from "../server/observations.ts";
import type { ReplyTo, TraceContext } from "../state/order.ts";

/** Whom an event is about. Project and server are null when the command did not name them validly. */
export interface Subject {
  readonly commandId: CommandId;
  readonly projectId: ProjectId | null;
  readonly serverId: ServerId | null;
  readonly source?: string | undefined;
  readonly reason?: string | undefined;
  readonly group?: string | undefined;
  /** The broker user who sent the command. */
  readonly sender?: string | undefined;
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

/** Number and time of an event. */
export interface EventMark {
  /** Of the command's events: it only grows. */
  readonly sequence: number;
  /** Epoch ms. */
  readonly atMs: number;
}

/** One event in its public form (contract §3). The id is made of command id and sequence: publishing it twice is harmless. */
export function toProgressEvent(
  region: string,
  subject: Subject,
  { sequence, atMs }: EventMark,
  draft: EventDraft,
): ProgressEvent {
  const { trace } = subject;
  return {
    specversion: "1.0",
    id: `${subject.commandId}/${sequence}`,
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
      ...(subject.sender === undefined ? {} : { sender: subject.sender }),
      ...draft.data,
    },
  };
}

/**
 * An answer to a misuse of an id: a second copy of a command, or another content under its id (contract §3). The hash is
 * that of everything the answer says, so that an event id never names two contents, and of the message that it answers.
 */
export function toMisuseAnswer(
  region: string,
  subject: Subject,
  answer: { readonly draft: EventDraft; readonly contentHash: string; readonly atMs: number },
): ProgressEvent {
  const { draft, atMs } = answer;
  const plain = toProgressEvent(region, subject, { sequence: 1, atMs }, draft);
  const hash = sha256(JSON.stringify([answer.contentHash, plain]));
  return underAlias(plain, aliasOf(subject.commandId, hash));
}

/** A name for what is said about an id that belongs to another command. `~` is no character of a command id. */
export function aliasOf(id: CommandId, hash: string): string {
  return `${id}~${hash.slice(0, 12)}`;
}

/**
 * The event as one that is not of the command that owns the id: whoever follows the id never takes it for the command's
 * end. It has number 1 of its alias.
 */
export function underAlias(event: ProgressEvent, alias: string): ProgressEvent {
  const { command_id: reused, sequence: _sequence, ...rest } = event.data;
  return {
    ...event,
    id: `${alias}/1`,
    data: { command_id: alias, reused_command_id: reused, sequence: 1, ...rest },
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

/** `submitted`: the cloud has taken the request. */
export function submitted(
  { jobId, requestId }: Acceptance,
  { attempt }: { readonly attempt: number },
): EventDraft {
  const said = requestId === undefined ? {} : { request_id: requestId };
  return { event: "submitted", data: { job_id: jobId, attempt, ...said } };
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
