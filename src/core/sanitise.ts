import { CommandBody } from "../contract/command.ts";

/** Fields whose values may be kept: what identifies a command and says what it asked for. Everything else is named only. */
const KEPT = new Set([
  ...Object.keys(CommandBody.shape),
  "specversion",
  "id",
  "type",
  "datacontenttype",
  "data",
  "keyname",
  "userid",
  "mode",
  "metadata",
  "BYOL",
  "__system__encrypted",
]);

const MAX_TEXT = 1_000;

/**
 * A copy of a command for the dead queue: no password, no `user_data`, no value of a field we do not know
 * (a misspelt `admin_pass` is a password too). What could not be read is named by size and hash only.
 */
export function sanitisedCopy(value: unknown, bytes: number, hash: string): unknown {
  return { bytes, sha256: hash, ...(value === undefined ? {} : { command: keepKnown(value) }) };
}

function keepKnown(value: unknown): unknown {
  if (typeof value === "string") return value.slice(0, MAX_TEXT);
  if (Array.isArray(value)) return `(${value.length} elements left out)`;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key.slice(0, 100),
      KEPT.has(key) ? keepKnown(member) : "(left out)",
    ]),
  );
}
