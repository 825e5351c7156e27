import {
  CommandBody,
  MAX_COMMAND_BYTES,
  type Problem,
  type ReinstallCommand,
} from "../../contract/command.ts";
import { CommandId, ProjectId } from "../../contract/ids.ts";
import type { OsReinstall } from "../../contract/os-reinstall.ts";
import { contentHashAsSent, hasIdInCapitals } from "../identity.ts";
import type { Order } from "../state/order.ts";
import { withoutAbsent } from "./reading/absent-fields.ts";
import {
  looksLikeCloudEvent,
  type Opened,
  openBinary,
  openStructured,
} from "./reading/cloud-event.ts";
import { brokenCombinations } from "./combination-rules.ts";
import { compressionSeen } from "./reading/compression.ts";
import type { IntakeRules } from "./intake-rules.ts";
import { isRecord } from "./reading/is-record.ts";
import { parseJsonText } from "./reading/json-text.ts";
import { mediaOf, type Mode } from "./reading/media.ts";
import { toOrder } from "./new-order.ts";
import type { IntakeNotes } from "./notes.ts";
import { problemsOf, uniqueProblems } from "./problems.ts";
import type { RawCommand } from "./reading/raw-command.ts";
import { type Refused, refusedIntake } from "./refused-intake.ts";
import { repeatedNames, repeatedProblem, withoutRepeated } from "./reading/repeated-names.ts";
import { senderProblems } from "./senders.ts";
import { strangersOf } from "./reading/unknown-fields.ts";
import { USER_DATA_PATH, userDataProblem } from "./user-data.ts";

export type Intake =
  | {
      readonly kind: "understood";
      readonly order: Order;
      /** As earlier versions would have stored `order.contentHash`; absent: alike. */
      readonly contentAsSent?: string;
      readonly body: OsReinstall;
      /** How many fields nobody reads. */
      readonly unknownFields: number;
      readonly notes: IntakeNotes;
    }
  | Refused;

/** Reads one message of the command queue. Whatever it holds, there is an answer, and it names the field and the rule. */
export function readCommand(raw: RawCommand, arrivedAtMs: number, rules: IntakeRules): Intake {
  const refuse = (value: unknown, problems: readonly Problem[], id?: CommandId) =>
    refusedIntake(raw, { value, problems: uniqueProblems(problems), id }, rules);
  const media = mediaOf(raw);
  const text = parseJsonText(raw.body, MAX_COMMAND_BYTES);
  if (text.kind === "unreadable") {
    const { problem } = media.kind === "unsupported" ? media : text;
    return refuse(text.rest, [(isText(text.problem) && compressionSeen(raw.body)) || problem]);
  }
  const { value } = text;
  if (media.mode === "plain" && looksLikeCloudEvent(value)) return refuse(value, [CLOUD_EVENT]);
  if (media.kind === "unsupported") return refuse(value, [media.problem]);
  const repeated = repeatedNames(new TextDecoder().decode(raw.body));
  if (repeated.length > 0) {
    const rest = withoutRepeated(value, repeated);
    return refuse(rest, repeated.map(repeatedProblem), open(media.mode, rest, raw).id);
  }
  const opened = open(media.mode, value, raw);
  if (opened.kind === "broken") {
    const isPlain = isRecord(value) && "os-reinstall" in value && media.mode === "structured";
    return refuse(value, [...(isPlain ? [PLAIN] : []), ...opened.problems], opened.id);
  }
  const prefix = media.mode === "structured" ? "data." : "";
  return readFields(raw, { ...opened, prefix, arrivedAtMs }, rules);
}

interface Fields {
  readonly fields: unknown;
  readonly id: CommandId | undefined;
  /** Of the path of each problem. */
  readonly prefix: string;
  readonly arrivedAtMs: number;
}

function readFields(raw: RawCommand, { prefix, arrivedAtMs, ...from }: Fields, rules: IntakeRules) {
  const { fields, nulls, unsetTimes } = withoutAbsent(from.fields);
  const parsed = CommandBody.safeParse(fields, { reportInput: true });
  const strangers = strangersOf(fields, prefix);
  const identified = identify(raw, { fields, id: from.id, prefix }, rules);
  const problems = [
    ...(parsed.success ? [] : problemsOf(parsed.error, prefix.slice(0, -1))),
    ...(parsed.success ? brokenCombinations(parsed.data, arrivedAtMs, rules, prefix) : []),
    ...(parsed.success ? userDataProblems(parsed.data, rules, prefix) : []),
    ...(parsed.success
      ? senderProblems(rules.senders, wishOf(raw, parsed.data, identified.projectId), prefix)
      : []),
    ...strangers.misspelt,
    ...identified.problems,
    ...replyProblems(raw, rules),
  ];
  const { commandId, projectId } = identified;
  if (!parsed.success || problems.length > 0 || !commandId || !projectId) {
    const answer = { value: fields, problems: uniqueProblems(problems), id: commandId };
    return refusedIntake(raw, answer, rules);
  }
  const command = commandOf(parsed.data, commandId, projectId);
  const { order, ignoredTimestamp } = toOrder(command, raw, arrivedAtMs, rules);
  return {
    kind: "understood",
    order,
    ...(hasIdInCapitals(command) && { contentAsSent: contentHashAsSent(command) }),
    body: command.osReinstall,
    unknownFields: strangers.unknown.length,
    notes: { unknownFields: strangers.unknown, nulls, unsetTimes, ignoredTimestamp },
  } as const;
}

function wishOf({ sender }: RawCommand, { group }: CommandBody, project: ProjectId | undefined) {
  return { sender, project, group };
}

const CLOUD_EVENT: Problem = {
  path: "content_type",
  code: "unsupported",
  message:
    "must be application/cloudevents+json: the message looks like a CloudEvent in structured mode",
};
const PLAIN: Problem = {
  path: "content_type",
  code: "unsupported",
  message: "must be application/json: the message looks like a command without a CloudEvent around",
};

function open(mode: Mode, value: unknown, { headers = {}, messageId }: RawCommand) {
  switch (mode) {
    case "plain":
      return { kind: "opened", fields: value, id: undefined } as const;
    case "structured":
      return openStructured(value, headers) satisfies Opened;
    case "binary":
      return openBinary(value, headers, messageId) satisfies Opened;
  }
}

/** What compression does to a text: neither its size nor its depth. */
function isText({ code }: Problem): boolean {
  return code === "not-utf8" || code === "not-json";
}

function commandOf(
  body: CommandBody,
  commandId: CommandId,
  projectId: ProjectId,
): ReinstallCommand {
  return {
    commandId,
    projectId,
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
}

/** The id comes from the CloudEvent, the body or the AMQP `message_id`; the project must be one of ours. */
function identify(
  raw: RawCommand,
  { fields: value, id: eventId, prefix }: Omit<Fields, "arrivedAtMs">,
  rules: IntakeRules,
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

function userDataProblems(
  { "os-reinstall": { metadata } }: CommandBody,
  { userDataCheck }: IntakeRules,
  prefix: string,
): Problem[] {
  const objection = userDataCheck === "strict" ? userDataProblem(metadata?.user_data) : null;
  return objection === null ? [] : [{ path: `${prefix}${USER_DATA_PATH}`, ...objection }];
}

function replyProblems({ replyTo }: RawCommand, { isOurQueue }: IntakeRules): Problem[] {
  if (replyTo === undefined || !isOurQueue(replyTo)) return [];
  const message = "names a queue of the worker's own: answers would come back as commands";
  return [{ path: "reply_to", code: "own-queue", message }];
}
