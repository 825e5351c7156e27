import { Option } from "commander";
import { Brake } from "../../../contract/brakes.ts";
import { OnBusy, type CommandBody } from "../../../contract/command.ts";
import { CommandId, ProjectId, ServerId } from "../../../contract/ids.ts";
import type { MetadataFields, OsReinstallFields } from "../../../contract/os-reinstall.ts";
import { base64File, matching } from "../../option-values.ts";

type CommandField = Exclude<keyof typeof CommandBody.shape, "os-reinstall">;
/** `adminpass` is no wish: it is refused. */
type ApiField = Exclude<keyof typeof OsReinstallFields.shape, "metadata" | "adminpass">;
type MetadataField = keyof typeof MetadataFields.shape;

/** One field of a command: where it stands in the body, and the option of `send` that sets it. */
export interface SendField {
  readonly path: readonly string[];
  readonly option: Option;
}

/**
 * An option for every field of a command. The types demand one for each field of the schemas: a new field does not
 * compile without it. Commander keeps state in an option: each program needs its own.
 */
export function sendFields(): readonly SendField[] {
  const option = (flags: string, description: string) => new Option(flags, description);
  const command: Readonly<Record<CommandField, Option>> = {
    server_id: option("--server <id>", "server to reinstall").argParser(matching(ServerId)),
    project_id: option("--project <id>", "its project; else the worker's default").argParser(
      matching(ProjectId),
    ),
    command_id: option("--id <id>", "command id: sending it twice is sending it once").argParser(
      matching(CommandId),
    ),
    expected_system_disk: option(
      "--expected-system-disk <id>",
      "do nothing if the server has another system disk by now",
    ),
    on_busy: option("--on-busy <what>", "when another command has the server").choices(
      OnBusy.options,
    ),
    expires_at: option("--expires-at <time>", "do not start after this (RFC 3339)"),
    not_before: option("--not-before <time>", "do not start before this (RFC 3339)"),
    observed_at: option("--observed-at <time>", "when the fault was seen (RFC 3339)"),
    group: option("--group <name>", "pool, zone or application, for the brakes by group"),
    override: option(
      "--override <brake...>",
      "brakes that do not apply to this command; needs --reason",
    ).choices(Brake.options),
    source: option("--source <text>", "who asks, for people"),
    reason: option("--reason <text>", "why, for people"),
    dry_run: option("--dry-run", "check everything, change nothing"),
  };
  const api: Readonly<Record<ApiField, Option>> = {
    keyname: option("--keyname <name>", "SSH key pair to log in with"),
    userid: option("--userid <id>", "IAM user that owns the key pair"),
    mode: option("--mode <mode>", "as the API takes it").choices(["withStopServer"]),
  };
  const metadata: Readonly<Record<MetadataField, Option>> = {
    user_data: option("--user-data <file>", "cloud-init or cloudbase-init payload").argParser(
      base64File,
    ),
    BYOL: option("--byol", "use your own licence").preset("true"),
    __system__encrypted: option("--encrypted", "encrypt the system disk").preset("1"),
    __system__cmkid: option("--cmkid <id>", "KMS key for that; needs --encrypted"),
  };
  return [
    ...fieldsAt([], command),
    ...fieldsAt(["os-reinstall"], api),
    ...fieldsAt(["os-reinstall", "metadata"], metadata),
  ];
}

function fieldsAt(above: readonly string[], options: Readonly<Record<string, Option>>) {
  return Object.entries(options).map(([name, option]) => ({ path: [...above, name], option }));
}
