import { z } from "zod";
import { CommandBody, MAX_COMMAND_BYTES } from "../../contract/command.ts";
import { CommandId, ProjectId, ServerId } from "../../contract/ids.ts";
import type { Death } from "./death.ts";
import { sha256 } from "../identity.ts";
import { isRecord } from "../intake/reading/is-record.ts";
import { parseJsonText } from "../intake/reading/json-text.ts";
import { type Origin, shownOrigin } from "../intake/origin.ts";
import { sanitisedCopy } from "../intake/reading/sanitise.ts";
import { sentAt } from "../intake/sent-at.ts";

/** AMQP `type` of a copy that a worker put into the dead queue. */
export const DEAD_TYPE = "ecs.reinstall.dead.v1";
/** AMQP header, a number: how often people returned a message from the dead queue. */
export const RETURNED = "x-ecs-returned";
/**
 * A message that was returned so often, and is there again, stays.
 *
 * @internal
 */
export const MOST_RETURNS = 3;

/** A message of the dead queue, as the broker holds it. */
export interface DeadMessage {
  readonly body: Buffer;
  readonly type: string | undefined;
  readonly messageId: string | undefined;
  /** Epoch ms. */
  readonly timestampMs: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Its own `expiration` in ms, as it still stands. */
  readonly expirationMs: number | undefined;
  readonly origin?: Origin;
  readonly death?: Death;
  /** How often it was delivered in vain, as far as the queue knows. */
  readonly deliveryCount: number;
}

/** One message of the dead queue for people and programs; holds no `user_data` and no secret. */
export interface DeadLetter {
  readonly id: string;
  /** `copy`: a worker's, without what a command needs; `whole`: as it was sent. */
  readonly kind: "copy" | "whole";
  readonly reason: string;
  /** Since when it is dead, or, where nobody says that, when it was sent; null: not known. */
  readonly at: string | null;
  readonly command_id: string | null;
  readonly project_id: string | null;
  readonly server_id: string | null;
  /** Of its command. */
  readonly source: string | null;
  readonly command_reason: string | null;
  readonly origin: ReturnType<typeof shownOrigin>;
  readonly deliveries: number;
  readonly returned: number;
  /** Why it cannot be returned; null: it can. */
  readonly not_returnable: string | null;
  readonly content: unknown;
}

/** Reads one message of the dead queue. */
export function readDeadLetter(message: DeadMessage, nowMs: number): DeadLetter {
  return message.type === DEAD_TYPE ? copyOf(message) : wholeOf(message, nowMs);
}

const Fields = z.object({
  command_id: CommandId.nullish().catch(null),
  project_id: ProjectId.nullish().catch(null),
  server_id: ServerId.nullish().catch(null),
  source: CommandBody.shape.source.nullish().catch(null),
  reason: CommandBody.shape.reason.nullish().catch(null),
});

function about(fields: unknown, messageId?: string) {
  const read = Fields.parse(isRecord(fields) ? fields : {});
  return {
    command_id: read.command_id ?? CommandId.safeParse(messageId).data ?? null,
    project_id: read.project_id ?? null,
    server_id: read.server_id ?? null,
    source: read.source ?? null,
    command_reason: read.reason ?? null,
  };
}

function copyOf(message: DeadMessage): DeadLetter {
  const read = parseJsonText(message.body, message.body.byteLength);
  const content = read.kind === "read" ? read.value : null;
  const body = isRecord(content) ? content : {};
  const { origin } = body;
  return {
    ...common(message),
    kind: "copy",
    reason: reasonOf(message),
    at: instant(message.timestampMs),
    ...about(fieldsOf(body), commandOf(message.messageId)),
    origin: isRecord(origin) ? { ...shownOrigin({}), ...textsOf(origin) } : shownOrigin({}),
    not_returnable: whyNotACopy(message, body),
    content,
  };
}

/** A refused message has the names of the contract, what was admitted those of an order. */
function fieldsOf({ command, order }: Readonly<Record<string, unknown>>): unknown {
  if (!isRecord(order)) {
    return isRecord(command) && isRecord(command["data"]) ? command["data"] : command;
  }
  const { commandId, projectId, serverId, source, reason } = order;
  return { command_id: commandId, project_id: projectId, server_id: serverId, source, reason };
}

/** Its message id begins with that of its event, which begins with that of its command. */
function commandOf(messageId: string | undefined): string | undefined {
  return /^([^/]+)\/\d+\/dead$/.exec(messageId ?? "")?.[1];
}

function reasonOf({ headers }: DeadMessage): string {
  const reason = headers["x-reason"];
  return typeof reason === "string" ? reason : "no reason is given";
}

function textsOf(origin: Readonly<Record<string, unknown>>): Partial<DeadLetter["origin"]> {
  const known = Object.keys(shownOrigin({}));
  return Object.fromEntries(
    Object.entries(origin).filter(([key, one]) => known.includes(key) && typeof one === "string"),
  );
}

function whyNotACopy(message: DeadMessage, body: Readonly<Record<string, unknown>>): string {
  const reason = reasonOf(message);
  if (reason.startsWith("the broker gave up on the step"))
    return "a copy of a step that the worker itself put back on its way: nothing is to be sent";
  if (reason.startsWith("internal message"))
    return "an internal message that nobody could read: whoever published it must not publish there";
  const { app_id: app, user_id: user } = isRecord(body["origin"]) ? textsOf(body["origin"]) : {};
  const { source } = about(fieldsOf(body));
  const names = [
    ...(source === null ? [] : [`source ${source}`]),
    ...(app == null ? [] : [`application ${app}`]),
    ...(user == null ? [] : [`broker user ${user}`]),
  ];
  const who = names.length === 0 ? "its emitter, which it does not name," : names.join(", ");
  return `a copy without user_data and without what was wrong in it: ask ${who} to send the command again, corrected`;
}

function wholeOf(message: DeadMessage, nowMs: number): DeadLetter {
  const { body, death, timestampMs, origin = {}, messageId } = message;
  const read = parseJsonText(body, MAX_COMMAND_BYTES);
  const value = read.kind === "read" ? read.value : undefined;
  const isEvent = isRecord(value) && "specversion" in value;
  const fields = isEvent && isRecord(value["data"]) ? value["data"] : value;
  const id = isEvent && typeof value["id"] === "string" ? value["id"] : messageId;
  return {
    ...common(message),
    kind: "whole",
    reason:
      death === undefined
        ? "put here as it was sent, by no worker"
        : `the broker took it out of its queue: ${death.reason}`,
    at: instant(death?.atMs ?? timestampMs),
    ...about(fields, id),
    origin: shownOrigin(origin),
    not_returnable: whyNotReturnable(message, value, nowMs),
    content: sanitisedCopy(value, body.byteLength, sha256(body)),
  };
}

function whyNotReturnable(message: DeadMessage, value: unknown, nowMs: number): string | null {
  const returned = returnsOf(message);
  if (returned >= MOST_RETURNS)
    return `it was returned ${returned} times and is here again: find out why first`;
  if (message.type?.startsWith("ecs.reinstall.") === true)
    return "an internal message of a worker, and no command";
  if (!isRecord(value)) return "it is no JSON object, so no command";
  // What has no time of its own would pass for a command that was sent just now, and wipe a server that was healed since.
  if (sentOf(message, nowMs) === null)
    return "nothing in it says when it was sent (AMQP timestamp): ask its emitter to send a new command";
  if (message.death?.reason === "expired" || leftMs(message, nowMs) === 0)
    return "it has expired: ask its emitter whether the server still needs it";
  return null;
}

/** When it was sent, epoch ms, where that can be known: at its stamp, or before it died. */
export function sentOf({ timestampMs, death }: DeadMessage, nowMs: number): number | null {
  const sent = sentAt(timestampMs, nowMs);
  return sent.by === "timestamp" ? sent.atMs : (death?.atMs ?? null);
}

/** What is left of its own `expiration`, in ms; null: it has none. */
export function leftMs(message: DeadMessage, nowMs: number): number | null {
  const { expirationMs } = message;
  if (expirationMs === undefined) return null;
  return Math.max(0, (sentOf(message, nowMs) ?? 0) + expirationMs - nowMs);
}

/** How often people have returned it; what nobody can read counts as too often. */
export function returnsOf({ headers }: DeadMessage): number {
  const count = headers[RETURNED];
  if (count === undefined) return 0;
  return typeof count === "number" && count >= 0 ? count : MOST_RETURNS;
}

function common(message: DeadMessage) {
  const { deliveryCount } = message;
  return { id: idOf(message), deliveries: deliveryCount, returned: returnsOf(message) };
}

/** Its message id, where a person can type it. */
function idOf({ messageId, body }: DeadMessage): string {
  if (messageId !== undefined && /^[\w.:~/-]{1,255}$/.test(messageId)) return messageId;
  return `sha256:${sha256(Buffer.concat([Buffer.from(messageId ?? ""), body])).slice(0, 16)}`;
}

function instant(ms: number | undefined): string | null {
  return ms === undefined || !(Math.abs(ms) < 8.64e15) ? null : new Date(ms).toISOString();
}
