import type { z } from "zod";
import {
  CommandBody,
  CommandCloudEvent,
  MAX_COMMAND_BYTES,
  type Problem,
  type ReinstallCommand,
} from "../contract/command.ts";
import type { Brake } from "../contract/brakes.ts";
import { CommandId, ProjectId, ServerId } from "../contract/ids.ts";
import type { OsReinstall } from "../contract/os-reinstall.ts";
import { brokenCombinations } from "./combination-rules.ts";
import type { Subject } from "./events.ts";
import { contentHash, sha256, wishHash } from "./identity.ts";
import { parseJsonText } from "./json-text.ts";
import type { Order } from "./order.ts";
import { sanitisedCopy } from "./sanitise.ts";
import { countUnknownFields } from "./unknown-fields.ts";
import { USER_DATA_PATH, type UserDataCheck, userDataProblem } from "./user-data.ts";

/** A message of the command queue as it came, properties included. */
export interface RawCommand {
  readonly body: Buffer;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly messageId?: string | undefined;
  /** AMQP `timestamp`, epoch milliseconds. */
  readonly timestampMs?: number | undefined;
  readonly replyTo?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

export interface IntakeRules {
  /** The projects this worker may act on; the first is the default. */
  readonly projects: readonly ProjectId[];
  /** A command without `expires_at` is too old after this long. */
  readonly commandMaxAgeMs: number;
  /** Ids are remembered this long: no `not_before` may lie further ahead. */
  readonly dedupTtlMs: number;
  /** Brakes that a command may override. */
  readonly overridable: readonly Brake[];
  /** What a `user_data` that nothing would read comes to. */
  readonly userDataCheck: UserDataCheck;
}

export type Intake =
  | {
      readonly kind: "understood";
      readonly order: Order;
      readonly body: OsReinstall;
      readonly unknownFields: number;
    }
  | {
      readonly kind: "refused";
      readonly subject: Subject;
      readonly contentHash: string;
      readonly problems: readonly Problem[];
      /** What may be kept of the message: no secret, nothing large. */
      readonly copy: unknown;
    };

/** Reads one message of the command queue. Whatever it holds, there is an answer, and it names the field and the rule. */
export function readCommand(raw: RawCommand, arrivedAtMs: number, rules: IntakeRules): Intake {
  const media = mediaType(raw);
  const text = parseJsonText(raw.body, MAX_COMMAND_BYTES);
  if (media.kind === "unsupported") {
    return refuse(raw, text.kind === "read" ? text.value : undefined, [media.problem], rules);
  }
  if (text.kind === "unreadable") return refuse(raw, undefined, [text.problem], rules);
  const opened: Opened = media.cloudEvent ? openCloudEvent(text.value) : { fields: text.value };
  if ("problems" in opened) return refuse(raw, text.value, opened.problems, rules, opened.id);
  const { fields, id } = opened;

  const parsed = CommandBody.safeParse(fields, { reportInput: true });
  const problems = parsed.success ? [] : problemsOf(parsed.error, media.cloudEvent ? "data" : "");
  if (parsed.success) {
    problems.push(
      ...brokenCombinations(parsed.data, arrivedAtMs, rules, media.cloudEvent ? "data." : ""),
    );
  }
  const identified = identify(raw, fields, id, rules, media.cloudEvent ? "data." : "");
  problems.push(...identified.problems);
  if (parsed.success && rules.userDataCheck === "strict") {
    const objection = userDataProblem(parsed.data["os-reinstall"].metadata?.user_data);
    const path = `${media.cloudEvent ? "data." : ""}${USER_DATA_PATH}`;
    if (objection !== null) problems.push({ path, ...objection });
  }
  if (!parsed.success || problems.length > 0 || !identified.commandId || !identified.projectId) {
    return refuse(raw, fields, unique(problems), rules, identified.commandId);
  }
  const body = parsed.data;
  const command: ReinstallCommand = {
    commandId: identified.commandId,
    projectId: identified.projectId,
    serverId: body.server_id,
    osReinstall: body["os-reinstall"],
    onBusy: body.on_busy,
    dryRun: body.dry_run,
    expectedSystemDisk: body.expected_system_disk,
    expiresAtMs: body.expires_at,
    observedAtMs: body.observed_at,
    notBeforeMs: body.not_before,
    group: body.group,
    override: body.override?.length === 0 ? undefined : body.override,
    source: body.source,
    reason: body.reason,
  };
  return {
    kind: "understood",
    order: toOrder(command, raw, arrivedAtMs, rules),
    body: command.osReinstall,
    unknownFields: countUnknownFields(fields),
  };
}

function toOrder(
  command: ReinstallCommand,
  raw: RawCommand,
  arrivedAtMs: number,
  rules: IntakeRules,
): Order {
  const { osReinstall: _body, expiresAtMs, ...rest } = command;
  return {
    ...rest,
    contentHash: contentHash(command),
    wishHash: wishHash(command),
    expiresAtMs: expiresAtMs ?? oldestAllowed(command, raw, arrivedAtMs, rules),
    receivedAtMs: arrivedAtMs,
    ...addressing(raw),
  };
}

/** Until when a command without `expires_at` may be started: its age counts from when it was sent, or from `not_before`. */
function oldestAllowed(
  { notBeforeMs }: ReinstallCommand,
  raw: RawCommand,
  arrivedAtMs: number,
  { commandMaxAgeMs, dedupTtlMs }: IntakeRules,
): number {
  // Nothing is sent after it arrives: a timestamp in other units than seconds would make it live for ever.
  const sentAtMs = Math.min(raw.timestampMs ?? arrivedAtMs, arrivedAtMs);
  if (notBeforeMs === undefined || notBeforeMs <= sentAtMs) return sentAtMs + commandMaxAgeMs;
  // A late copy must not outlive what is remembered of its command.
  return Math.min(notBeforeMs + commandMaxAgeMs, arrivedAtMs + dedupTtlMs);
}

function addressing(raw: RawCommand): Pick<Order, "replyTo" | "trace"> {
  return {
    ...(raw.replyTo === undefined
      ? {}
      : { replyTo: { queue: raw.replyTo, correlationId: raw.correlationId } }),
    ...(raw.traceparent === undefined
      ? {}
      : { trace: { traceparent: raw.traceparent, tracestate: raw.tracestate } }),
  };
}

/** Refuses with as much of an identity as could be read, so that the emitter finds its command again. */
function refuse(
  raw: RawCommand,
  value: unknown,
  problems: readonly Problem[],
  rules: IntakeRules,
  known?: CommandId,
): Intake {
  const fields = isRecord(value) ? value : {};
  const hash = sha256(raw.body);
  const commandId =
    known ??
    CommandId.safeParse(fields["command_id"] ?? raw.messageId).data ??
    CommandId.parse(`unidentified-${hash.slice(0, 32)}`);
  return {
    kind: "refused",
    subject: {
      commandId,
      projectId:
        fields["project_id"] === undefined
          ? (rules.projects[0] ?? null)
          : (ProjectId.safeParse(fields["project_id"]).data ?? null),
      serverId: ServerId.safeParse(fields["server_id"]).data ?? null,
      source: CommandBody.shape.source.safeParse(fields["source"]).data,
      reason: CommandBody.shape.reason.safeParse(fields["reason"]).data,
      group: CommandBody.shape.group.safeParse(fields["group"]).data,
      ...addressing(raw),
    },
    contentHash: hash,
    problems,
    copy: sanitisedCopy(value, raw.body.byteLength, hash),
  };
}

type Media =
  | { readonly kind: "supported"; readonly cloudEvent: boolean }
  | { readonly kind: "unsupported"; readonly problem: Problem };

/** `application/json` or structured CloudEvents, in UTF-8. Anything else is refused rather than guessed: a guess wipes a disk. */
function mediaType(raw: RawCommand): Media {
  const [type = "", ...parameters] = (raw.contentType ?? "")
    .split(";")
    .map((s) => s.trim().toLowerCase());
  const unsupported = (path: string, message: string): Media => ({
    kind: "unsupported",
    problem: { path, code: "unsupported", message },
  });
  if (type !== "application/json" && type !== "application/cloudevents+json") {
    return unsupported("content_type", "must be application/json or application/cloudevents+json");
  }
  const charset = parameters
    .find((p) => p.startsWith("charset="))
    ?.slice("charset=".length)
    .replaceAll('"', "");
  if (charset !== undefined && charset !== "utf-8" && charset !== "utf8") {
    return unsupported("content_type", "charset must be utf-8");
  }
  const encoding = (raw.contentEncoding ?? "").toLowerCase();
  if (!["", "utf-8", "utf8", "identity"].includes(encoding)) {
    return unsupported(
      "content_encoding",
      "must be left out or utf-8: compressed messages are not read",
    );
  }
  return { kind: "supported", cloudEvent: type === "application/cloudevents+json" };
}

type Opened = { fields: unknown; id?: CommandId } | { problems: Problem[]; id?: CommandId };

function openCloudEvent(value: unknown): Opened {
  const parsed = CommandCloudEvent.safeParse(value, { reportInput: true });
  if (!parsed.success) {
    const id = CommandId.safeParse(isRecord(value) ? value["id"] : undefined);
    return { problems: problemsOf(parsed.error, ""), ...(id.success ? { id: id.data } : {}) };
  }
  return { fields: parsed.data.data, id: parsed.data.id };
}

/** The id comes from the CloudEvent, the body or the AMQP `message_id`; the project must be one of ours. */
function identify(
  raw: RawCommand,
  value: unknown,
  eventId: CommandId | undefined,
  rules: IntakeRules,
  prefix: string,
): { commandId?: CommandId | undefined; projectId?: ProjectId | undefined; problems: Problem[] } {
  const fields = isRecord(value) ? value : {};
  const problems: Problem[] = [];
  const said = fields["command_id"];
  if (eventId !== undefined && said !== undefined && said !== eventId) {
    problems.push({
      path: `${prefix}command_id`,
      code: "conflict",
      message: "must equal the CloudEvent's id, or be left out",
    });
  }
  const id = CommandId.safeParse(eventId ?? said ?? raw.messageId);
  if (!id.success && said === undefined) {
    problems.push({
      path: `${prefix}command_id`,
      code: raw.messageId === undefined ? "missing" : "invalid_format",
      message:
        raw.messageId === undefined
          ? "is needed, unless the AMQP message_id is set"
          : "is missing, and the AMQP message_id is not 1-128 characters of A-Z a-z 0-9 . _ : -",
    });
  }
  const project = ProjectId.safeParse(fields["project_id"] ?? rules.projects[0]);
  if (project.success && !rules.projects.includes(project.data)) {
    problems.push({
      path: `${prefix}project_id`,
      code: "not-allowed",
      message: "is not one of the projects that this worker may act on",
    });
  }
  return { commandId: id.data, projectId: project.data, problems };
}

function problemsOf(error: z.ZodError, prefix: string): Problem[] {
  return error.issues.map((issue) => {
    const missing = issue.code === "invalid_type" && issue.input === undefined;
    const rule = issue.code === "custom" ? issue.params?.["rule"] : undefined;
    return {
      path: [prefix, ...issue.path.map(String)].filter((part) => part !== "").join("."),
      code: typeof rule === "string" ? rule : missing ? "missing" : issue.code,
      message: missing ? "is needed" : issue.message,
    };
  });
}

function unique(problems: readonly Problem[]): Problem[] {
  const seen = new Map(problems.map((p) => [`${p.path} ${p.code}`, p]));
  return [...seen.values()];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
