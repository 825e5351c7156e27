import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { z } from "zod";

/** What a script is asked with, and how it answers; the Lua file beside it is the other half. */
export interface ScriptShape<
  Key extends string,
  Argument extends object,
  Answer extends { kind: string },
> {
  /** The Lua file; the script is called as it is. */
  readonly lua: URL;
  /** Names of its keys, in the order in which the Lua file declares them. All of one call share a hash tag. */
  readonly keys: readonly Key[];
  /** One object, which the script gets as JSON: null arrives as `false`, and everything must be there. */
  readonly argument: z.ZodType<Argument>;
  /** One object, which the script answers as JSON. */
  readonly answer: z.ZodType<Answer>;
  /** It asks the server itself for its run id, instead of being given that of the connection. */
  readonly asksServer?: boolean;
}

/** A script that can be run. */
export interface Script<
  Key extends string,
  Argument extends object,
  Answer extends { kind: string },
> extends ScriptShape<Key, Argument, Answer> {
  readonly name: string;
  /** As Redis gets it: what all scripts share, and then its own lines. */
  readonly text: string;
  /** How Redis names a text that it knows (EVALSHA). */
  readonly sha: string;
}

/** Reads the script's Lua. Throws when there is none. */
export function script<
  const Key extends string,
  Argument extends object,
  Answer extends { kind: string },
>(shape: ScriptShape<Key, Argument, Answer>): Script<Key, Argument, Answer> {
  const text = [SHARED, readFileSync(shape.lua, "utf8")].join("\n");
  const sha = createHash("sha1").update(text).digest("hex");
  return { ...shape, name: basename(shape.lua.pathname, ".lua"), text, sha };
}

/**
 * Of shared/brakes/, in the order in which the brakes are asked.
 *
 * @internal
 */
export const BRAKE_FILES = [
  "pause",
  "protected",
  "storm-failures",
  "storm-asks",
  "quarantine",
  "approval",
  "windows",
  "cooldown",
  "source",
  "sender",
  "cap",
];

const SHARED = [
  "prelude",
  "audit",
  "calls",
  "line",
  "history",
  "storm",
  "asks",
  "starts",
  "ended",
  "tail",
  "brakes/table",
  ...BRAKE_FILES.map((file) => `brakes/${file}`),
  "brakes",
  "slots",
]
  .map((part) => readFileSync(new URL(`./shared/${part}.lua`, import.meta.url), "utf8"))
  .join("\n");
