import { CommandBody } from "../contract/command.ts";

const COMMAND_FIELDS = new Set(Object.keys(CommandBody.shape));
const OS_REINSTALL_FIELDS = new Set(["keyname", "userid", "mode", "metadata", "adminpass"]);
const METADATA_FIELDS = new Set(["user_data", "BYOL", "__system__encrypted", "__system__cmkid"]);

/** How many fields of an understood command nobody reads: ignored, and counted so that a misspelling shows. */
export function countUnknownFields(value: unknown): number {
  const osReinstall = memberOf(value, "os-reinstall");
  return (
    strangers(value, COMMAND_FIELDS) +
    strangers(osReinstall, OS_REINSTALL_FIELDS) +
    strangers(memberOf(osReinstall, "metadata"), METADATA_FIELDS)
  );
}

function strangers(value: unknown, known: ReadonlySet<string>): number {
  if (typeof value !== "object" || value === null) return 0;
  return Object.keys(value).filter((key) => !known.has(key)).length;
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Record<string, unknown>)[key]
    : undefined;
}
