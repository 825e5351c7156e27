import type { z } from "zod";
import { StructuredCloudEvent } from "../../../contract/cloud-event.ts";
import { CommandBody } from "../../../contract/command.ts";
import { MetadataFields, OsReinstallFields } from "../../../contract/os-reinstall.ts";
import { isRecord } from "./is-record.ts";
import { described, shownName } from "./names.ts";

/** One object of a message: the rules of its members, and the objects that are looked into. */
interface Level {
  readonly rules: Readonly<Record<string, z.ZodType>>;
  /** Members that are objects with a level of their own. As a text they may be a whole command, password included. */
  readonly below: Readonly<Record<string, Level>>;
}

const { user_data: _data, __system__cmkid: _key, ...metadataRules } = MetadataFields.shape;
const { adminpass: _password, metadata: _metadata, ...reinstallRules } = OsReinstallFields.shape;
const { "os-reinstall": _reinstall, ...commandRules } = CommandBody.shape;
const { data: _command, ...eventRules } = StructuredCloudEvent.shape;

const METADATA: Level = { rules: metadataRules, below: {} };
const REINSTALL: Level = { rules: reinstallRules, below: { metadata: METADATA } };
const COMMAND: Level = { rules: commandRules, below: { "os-reinstall": REINSTALL } };
const EVENT: Level = { rules: eventRules, below: { data: COMMAND } };
/** A message that is no event, with whatever of an event and of the API's objects stands in it. */
const MESSAGE: Level = {
  rules: commandRules,
  below: { ...COMMAND.below, data: COMMAND, metadata: METADATA },
};

/** A command has a dozen members: thousands of them are somebody's mistake, and no copy needs to grow with it. */
const MAX_MEMBERS = 50;
const LEFT_OUT = "(left out)";

/**
 * A copy of a command for the dead queue: only values that kept the rule of their field, and no `user_data`. A secret
 * in the wrong field breaks that field's rule, a misspelt `admin_pass` is a field that nobody knows. What is left out
 * is named by its length and the beginning of its hash; a message that could not be read, by size and hash.
 */
export function sanitisedCopy(value: unknown, bytes: number, hash: string): object {
  if (value === undefined) return { bytes, sha256: hash };
  const level = isRecord(value) && "specversion" in value ? EVENT : MESSAGE;
  return { bytes, sha256: hash, command: keepMembers(value, level) };
}

function keepMembers(value: unknown, level: Level): unknown {
  if (Array.isArray(value)) return `(${value.length} elements left out)`;
  if (!isRecord(value)) return LEFT_OUT;
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MAX_MEMBERS)
      .map(([key, member]) => [shownName(key), keepMember(key, member, level)]),
  );
}

function keepMember(key: string, member: unknown, { rules, below }: Level): unknown {
  const inner = Object.hasOwn(below, key) ? below[key] : undefined;
  if (inner !== undefined) return keepMembers(member, inner);
  const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
  if (rule === undefined) return LEFT_OUT;
  if (rule.safeParse(member).success) return member;
  return typeof member === "string" ? `(left out: ${described(member)})` : LEFT_OUT;
}
