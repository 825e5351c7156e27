import { CloudEventAttributes, StructuredCloudEvent } from "../../../contract/cloud-event.ts";
import type { Problem } from "../../../contract/command.ts";
import { CommandId } from "../../../contract/ids.ts";
import { isRecord } from "./is-record.ts";
import { shownName } from "./names.ts";
import { problemsOf } from "../problems.ts";
import { misplacedField } from "./unknown-fields.ts";

/** A command taken out of a CloudEvent; or what is wrong with the event, and its id where it has one. */
export type Opened =
  | { readonly kind: "opened"; readonly fields: unknown; readonly id: CommandId }
  | {
      readonly kind: "broken";
      readonly problems: readonly Problem[];
      readonly id: CommandId | undefined;
    };

/**
 * The AMQP binding writes an attribute as the application property `cloudEvents:<name>`; `_` stands for the colon where
 * a client cannot write one.
 */
const PREFIX = /^cloudEvents[:_]/i;
/** The prefix of the HTTP and Kafka bindings: an id that arrives under it would be overlooked. */
const FOREIGN_PREFIX = /^ce[-_](id|specversion)$/i;

/** Are there attributes of a CloudEvent among the headers (binary mode)? */
export function hasAttributes(headers: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(headers).some((name) => PREFIX.test(name) || FOREIGN_PREFIX.test(name));
}

/** A JSON object that is a CloudEvent in structured mode, whatever its content type says. */
export function looksLikeCloudEvent(value: unknown): boolean {
  if (!isRecord(value) || typeof value["specversion"] !== "string") return false;
  return "data" in value || "data_base64" in value || !("os-reinstall" in value);
}

/** Structured mode: the event is the body. `headers` may repeat its attributes, but not contradict its id. */
export function openStructured(value: unknown, headers: Readonly<Record<string, unknown>>): Opened {
  const event = isRecord(value) ? withoutNulls(value) : value;
  const parsed = StructuredCloudEvent.safeParse(event, { reportInput: true });
  const id = CommandId.safeParse(isRecord(event) ? event["id"] : undefined).data;
  if (!parsed.success) return { kind: "broken", problems: problemsOf(parsed.error, ""), id };
  const { attributes } = attributesOf(headers);
  if (attributes["id"] !== undefined && attributes["id"] !== parsed.data.id) {
    return { kind: "broken", problems: [conflict("headers.cloudEvents:id", "id")], id };
  }
  // Beside `data` it would pass for an extension attribute.
  const beside = Object.keys(isRecord(event) ? event : {});
  const misplaced = beside.flatMap((key) => misplacedField(shownName(key), key) ?? []);
  if (misplaced.length > 0) return { kind: "broken", problems: misplaced, id };
  return { kind: "opened", fields: parsed.data.data, id: parsed.data.id };
}

/** Binary mode: the attributes are headers, the body is the command's own object. */
export function openBinary(
  value: unknown,
  headers: Readonly<Record<string, unknown>>,
  messageId: string | undefined,
): Opened {
  const { attributes, problems } = attributesOf(headers);
  const parsed = CloudEventAttributes.safeParse(attributes, { reportInput: true });
  const id = CommandId.safeParse(attributes["id"]).data;
  if (!parsed.success) {
    problems.push(
      ...problemsOf(parsed.error, "").map(({ path, ...rest }) => ({
        path: `headers.cloudEvents:${path}`,
        ...rest,
      })),
    );
  } else if (messageId !== undefined && messageId !== parsed.data.id) {
    problems.push(conflict("message_id", "id"));
  }
  if (!parsed.success || problems.length > 0) return { kind: "broken", problems, id };
  return { kind: "opened", fields: value, id: parsed.data.id };
}

function conflict(path: string, attribute: string): Problem {
  return {
    path,
    code: "conflict",
    message: `must equal the CloudEvent's ${attribute}, or be left out`,
  };
}

/** Attributes by their names; a name that occurs twice with two values, or in another binding's spelling, is a problem. */
function attributesOf(headers: Readonly<Record<string, unknown>>) {
  const attributes: Record<string, unknown> = {};
  const problems: Problem[] = [];
  for (const [header, value] of Object.entries(headers)) {
    if (FOREIGN_PREFIX.test(header)) {
      const message =
        "is of another protocol's binding: in AMQP attributes begin with cloudEvents:";
      problems.push({ path: `headers.${header}`, code: "unsupported", message });
    }
    if (!PREFIX.test(header) || value === null || value === undefined) continue;
    const name = header.replace(PREFIX, "").toLowerCase();
    const text = textOf(value);
    const other = attributes[name];
    if (other !== undefined && other !== text) {
      const message = "must not be there twice with different values";
      problems.push({
        path: `headers.cloudEvents:${name.slice(0, 20)}`,
        code: "conflict",
        message,
      });
    }
    attributes[name] = text;
  }
  return { attributes, problems };
}

/** Clients write short texts, long texts, bytes; loosely typed ones turn a text of digits into a number. */
function textOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("utf8");
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean"
    ? String(value)
    : value;
}

/** An attribute that is `null` is not set (CloudEvents 1.0, JSON format §2.2). */
function withoutNulls(event: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(event).filter(([, member]) => member !== null));
}
