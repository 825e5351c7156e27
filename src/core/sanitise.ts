import { CommandBody } from "../contract/command.ts";

/** Objects that are looked into. As a text they may be a whole command in quotes, password included. */
const CONTAINERS = new Set(["data", "os-reinstall", "metadata"]);

/** Fields whose values may be kept: what identifies a command and says what it asked for. Everything else is named only. */
const KEPT = new Set([
  ...Object.keys(CommandBody.shape),
  "specversion",
  "id",
  "type",
  "datacontenttype",
  "keyname",
  "userid",
  "mode",
  "BYOL",
  "__system__encrypted",
]);

const MAX_TEXT = 1_000;
/** A command has a dozen members: thousands of them are somebody's mistake, and no copy needs to grow with it. */
const MAX_MEMBERS = 50;
const LEFT_OUT = "(left out)";

/**
 * A copy of a command for the dead queue: no password, no `user_data`, no value of a field we do not know
 * (a misspelt `admin_pass` is a password too). What could not be read is named by size and hash only.
 */
export function sanitisedCopy(value: unknown, bytes: number, hash: string): unknown {
  return { bytes, sha256: hash, ...(value === undefined ? {} : { command: keepMembers(value) }) };
}

function keepMembers(value: unknown): unknown {
  if (Array.isArray(value)) return `(${value.length} elements left out)`;
  if (typeof value !== "object" || value === null) return LEFT_OUT;
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MAX_MEMBERS)
      .map(([key, member]) => [key.slice(0, 100), keepMember(key, member)]),
  );
}

function keepMember(key: string, member: unknown): unknown {
  if (CONTAINERS.has(key)) return keepMembers(member);
  if (!KEPT.has(key)) return LEFT_OUT;
  if (typeof member === "string") return member.slice(0, MAX_TEXT);
  return typeof member === "object" && member !== null ? LEFT_OUT : member;
}
