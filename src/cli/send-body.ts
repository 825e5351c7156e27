import { randomUUID } from "node:crypto";
import { CommandBody, MAX_COMMAND_BYTES } from "../contract/command.ts";
import { CommandId, type ServerId } from "../contract/ids.ts";
import { withoutAbsent } from "../core/absent-fields.ts";
import { strangersOf } from "../core/unknown-fields.ts";
import { CliFailure, EXIT_USAGE } from "./io.ts";

/** The options of `send` that make the body, as commander gives them. */
export interface BodyFlags {
  readonly server?: string;
  readonly project?: string;
  readonly keyname?: string;
  readonly userid?: string;
  readonly mode?: string;
  /** Base64. */
  readonly userData?: string;
  readonly id?: string;
  readonly reason?: string;
  readonly source?: string;
  readonly onBusy?: string;
  readonly dryRun?: boolean;
  readonly expiresAt?: string;
  readonly observedAt?: string;
  /** A whole body instead of the others. */
  readonly file?: unknown;
}

export interface ReadyCommand {
  readonly id: string;
  readonly serverId: ServerId;
  readonly body: Buffer;
}

/** Which option a field of the body comes from, for messages. */
const OPTIONS: Readonly<Record<string, string>> = {
  server_id: "--server",
  project_id: "--project",
  command_id: "--id",
  on_busy: "--on-busy",
  expires_at: "--expires-at",
  observed_at: "--observed-at",
  source: "--source",
  reason: "--reason",
  dry_run: "--dry-run",
  "os-reinstall": "--keyname, --userid, --user-data",
  "os-reinstall.keyname": "--keyname",
  "os-reinstall.userid": "--userid",
  "os-reinstall.mode": "--mode",
  "os-reinstall.metadata.user_data": "--user-data",
};

/** The message body for the options, checked as the worker will check it. Throws wrong usage by option name. */
export function commandFrom(flags: BodyFlags): ReadyCommand {
  const fromFile = flags.file !== undefined;
  const body = fromFile ? fileBody(flags) : flagsBody(flags);
  const { fields } = withoutAbsent(body);
  const [misspelt] = strangersOf(fields).misspelt;
  if (misspelt !== undefined) {
    throw new CliFailure(`--file: ${misspelt.path} ${misspelt.message}`, EXIT_USAGE);
  }
  const checked = CommandBody.safeParse(fields);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const path = issue?.path.join(".") ?? "";
    const where = fromFile ? `--file: ${path || "the body"}` : (OPTIONS[path] ?? path);
    const isMissing = issue?.code === "invalid_type" && valueAt(fields, issue.path) === undefined;
    throw new CliFailure(`${where} ${isMissing ? "is missing" : issue?.message}`, EXIT_USAGE);
  }
  const bytes = Buffer.from(JSON.stringify(body));
  if (bytes.length > MAX_COMMAND_BYTES) {
    const message = `the command has ${bytes.length} bytes; at most ${MAX_COMMAND_BYTES} are taken`;
    throw new CliFailure(message, EXIT_USAGE);
  }
  return { id: body.command_id, serverId: checked.data.server_id, body: bytes };
}

function flagsBody(flags: BodyFlags) {
  const { userData } = flags;
  return {
    command_id: flags.id ?? newId(),
    ...(flags.project !== undefined && { project_id: flags.project }),
    server_id: flags.server,
    "os-reinstall": {
      ...(flags.keyname !== undefined && { keyname: flags.keyname }),
      ...(flags.userid !== undefined && { userid: flags.userid }),
      ...(flags.mode !== undefined && { mode: flags.mode }),
      ...(userData !== undefined && { metadata: { user_data: userData } }),
    },
    ...(flags.onBusy !== undefined && { on_busy: flags.onBusy }),
    ...(flags.expiresAt !== undefined && { expires_at: flags.expiresAt }),
    ...(flags.observedAt !== undefined && { observed_at: flags.observedAt }),
    ...(flags.source !== undefined && { source: flags.source }),
    ...(flags.reason !== undefined && { reason: flags.reason }),
    ...(flags.dryRun === true && { dry_run: true }),
  };
}

function fileBody({ file, id }: BodyFlags) {
  if (typeof file !== "object" || file === null || Array.isArray(file)) {
    throw new CliFailure("--file must hold one JSON object", EXIT_USAGE);
  }
  const said = CommandId.safeParse((file as { command_id?: unknown }).command_id);
  return { ...file, command_id: id ?? (said.success ? said.data : newId()) };
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
