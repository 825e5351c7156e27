import { randomUUID } from "node:crypto";
import { CommandBody, MAX_COMMAND_BYTES } from "../../../contract/command.ts";
import { CommandId, type ServerId } from "../../../contract/ids.ts";
import { withoutAbsent } from "../../../core/intake/reading/absent-fields.ts";
import { strangersOf } from "../../../core/intake/reading/unknown-fields.ts";
import {
  USER_DATA_PATH,
  type UserDataCheck,
  userDataProblem,
} from "../../../core/intake/user-data.ts";
import { CliFailure } from "../../failure.ts";
import { EXIT_USAGE } from "../../../process/exit-codes.ts";
import type { SendField } from "./fields.ts";

/** The options of `send` as commander gives them; `file`: a whole body instead of the others. */
export type BodyFlags = Readonly<Record<string, unknown>> & { readonly file?: unknown };

/** A command that can be sent: its id, its server, and its body as JSON. */
export interface ReadyCommand {
  readonly id: string;
  readonly serverId: ServerId;
  readonly body: Buffer;
}

/** The message body for the options, checked as the worker will check it. Throws wrong usage by option name. */
export function commandFrom(
  flags: BodyFlags,
  fields: readonly SendField[],
  userDataCheck: UserDataCheck,
): ReadyCommand {
  const fromFile = flags.file !== undefined;
  const body = fromFile ? fileBody(flags) : flagsBody(flags, fields);
  const refuse = (path: string, problem: string) => {
    const where = fromFile ? `--file: ${path || "the body"}` : optionFor(path, fields);
    throw new CliFailure(`${where} ${problem}`, EXIT_USAGE);
  };
  const present = withoutAbsent(body).fields;
  const [misspelt] = strangersOf(present).misspelt;
  if (misspelt !== undefined) return refuse(misspelt.path, misspelt.message);
  const checked = CommandBody.safeParse(present);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const isMissing = issue?.code === "invalid_type" && valueAt(present, issue.path) === undefined;
    const problem = isMissing ? "is missing" : (issue?.message ?? "is malformed");
    return refuse(issue?.path.join(".") ?? "", problem);
  }
  const objection = userDataProblem(checked.data["os-reinstall"].metadata?.user_data);
  if (objection !== null && userDataCheck === "strict") {
    return refuse(USER_DATA_PATH, `${objection.message} (USER_DATA_CHECK=lax sends it)`);
  }
  const bytes = Buffer.from(JSON.stringify(body));
  if (bytes.length > MAX_COMMAND_BYTES) {
    const message = `the command has ${bytes.length} bytes; at most ${MAX_COMMAND_BYTES} are taken`;
    throw new CliFailure(message, EXIT_USAGE);
  }
  return { id: String(body["command_id"]), serverId: checked.data.server_id, body: bytes };
}

type Tree = Record<string, unknown>;

function flagsBody(flags: BodyFlags, fields: readonly SendField[]): Tree {
  const body: Tree = { command_id: newId(), "os-reinstall": {} };
  for (const { path, option } of fields) {
    const value = flags[option.attributeName()];
    if (value !== undefined) put(body, path, value);
  }
  return body;
}

function put(tree: Tree, [first = "", ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) tree[first] = value;
  else put((tree[first] ??= {}) as Tree, rest, value);
}

function fileBody({ file, id }: BodyFlags): Tree {
  if (typeof file !== "object" || file === null || Array.isArray(file)) {
    throw new CliFailure("--file must hold one JSON object", EXIT_USAGE);
  }
  const said = CommandId.safeParse((file as Tree)["command_id"]);
  return { ...file, command_id: id ?? (said.success ? said.data : newId()) };
}

/** Which options a path of the body comes from: of an object, the ways to log in. */
function optionFor(path: string, fields: readonly SendField[]): string {
  if (path === "os-reinstall") return "--keyname, --userid, --user-data";
  const field = fields.find(
    (one) => path === one.path.join(".") || path.startsWith(`${one.path.join(".")}.`),
  );
  return field?.option.long ?? path;
}

function newId(): string {
  return `cli-${randomUUID()}`;
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (below, key) => (below as Record<PropertyKey, unknown> | undefined)?.[key],
    body,
  );
}
