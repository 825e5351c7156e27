import { CommandBody, type Problem } from "../../contract/command.ts";
import { CommandId, ProjectId, ServerId } from "../../contract/ids.ts";
import type { Subject } from "../messages/events.ts";
import { sha256 } from "../identity.ts";
import { looksLikeCloudEvent } from "./reading/cloud-event.ts";
import type { IntakeRules } from "./intake-rules.ts";
import { isRecord } from "./reading/is-record.ts";
import { mediaOf } from "./reading/media.ts";
import { addressing } from "./new-order.ts";
import { shownOrigin } from "./origin.ts";
import type { RawCommand } from "./reading/raw-command.ts";
import { sanitisedCopy } from "./reading/sanitise.ts";

/** A message that was not understood or not allowed. */
export interface Refused {
  readonly kind: "refused";
  readonly subject: Subject;
  readonly contentHash: string;
  readonly problems: readonly Problem[];
  /** What may be kept of the message: no secret, nothing large. */
  readonly copy: object;
}

/** What was read of it before it was refused. */
interface Answer {
  /** The message, or the command inside it; undefined: it could not be read. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** The command's id, where it is known already. */
  readonly id: CommandId | undefined;
}

/** Refuses with as much of an identity as could be read, so that the emitter finds its command again. */
export function refusedIntake(
  raw: RawCommand,
  { value, problems, id }: Answer,
  rules: IntakeRules,
): Refused {
  const message = isRecord(value) ? value : {};
  const event = "specversion" in message ? message : {};
  const fields = "specversion" in message && isRecord(message["data"]) ? message["data"] : message;
  const hash = sha256(raw.body);
  const projectId = fields["project_id"] ?? undefined;
  const { replyTo, ...around } = addressing(raw);
  const { shape } = CommandBody;
  return {
    kind: "refused",
    subject: {
      commandId:
        id ??
        CommandId.safeParse(event["id"] ?? fields["command_id"] ?? raw.messageId).data ??
        CommandId.parse(`unidentified-${hash.slice(0, 32)}`),
      projectId:
        projectId === undefined
          ? (rules.projects[0] ?? null)
          : (ProjectId.safeParse(projectId).data ?? null),
      serverId: ServerId.safeParse(fields["server_id"]).data ?? null,
      source: isEvent(fields, raw) ? undefined : shape.source.safeParse(fields["source"]).data,
      reason: shape.reason.safeParse(fields["reason"]).data,
      group: shape.group.safeParse(fields["group"]).data,
      ...around,
      ...(replyTo === undefined || rules.isOurQueue(replyTo.queue) ? {} : { replyTo }),
    },
    contentHash: hash,
    problems,
    copy: {
      ...sanitisedCopy(value, raw.body.byteLength, hash),
      ...(raw.origin && { origin: shownOrigin(raw.origin) }),
    },
  };
}

/** A CloudEvent around nothing that can be read: its own `source` is who wrote the event, and not the command's. */
function isEvent(fields: Readonly<Record<string, unknown>>, raw: RawCommand): boolean {
  if (!("specversion" in fields)) return false;
  return looksLikeCloudEvent(fields) || mediaOf(raw).mode === "structured";
}
