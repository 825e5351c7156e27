import type { Problem } from "../../../contract/command.ts";
import { isRecord } from "./is-record.ts";
import { shownName } from "./names.ts";
import { wellFormed } from "./well-formed.ts";

/** Objects and arrays may nest this deep; a command needs four levels, a CloudEvent five. */
const MAX_DEPTH = 16;

export type JsonText =
  | { readonly kind: "read"; readonly value: unknown }
  /** `rest`: what is left of a value without the keys that are not taken; absent where nothing could be read. */
  | { readonly kind: "unreadable"; readonly problem: Problem; readonly rest?: unknown };

/** JSON from bytes that nobody vouches for: bounded in size and depth, strictly UTF-8, no keys that reach for prototypes. */
export function parseJsonText(bytes: Uint8Array, maxBytes: number): JsonText {
  const unreadable = (path: string, code: string, message: string): JsonText => ({
    kind: "unreadable",
    problem: { path, code, message },
  });
  if (bytes.byteLength > maxBytes) {
    return unreadable("", "too_big", `must be at most ${maxBytes} bytes`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return unreadable("", "not-utf8", "must be UTF-8");
  }
  if (depthOf(text) > MAX_DEPTH) {
    return unreadable("", "too-deep", `must not nest deeper than ${MAX_DEPTH} levels`);
  }
  let value: unknown;
  try {
    // Redis keeps a text so, and what is published again has to be the same, byte for byte.
    value = JSON.parse(text, wellFormed);
  } catch {
    // V8's message quotes the text around the error, which may be a secret: it is not passed on.
    return unreadable("", "not-json", "must be JSON");
  }
  const path = forbiddenKey(value);
  if (path !== null) {
    const problem = { path, code: "forbidden-key", message: "must not be used as a key" };
    return { kind: "unreadable", problem, rest: withoutForbidden(value) };
  }
  return { kind: "read", value };
}

/** Greatest nesting of brackets outside strings; counted before parsing, so that a deep text costs nothing. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (inString) {
      if (char === "\\") i++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === "{" || char === "[") deepest = Math.max(deepest, ++depth);
    else if (char === "}" || char === "]") depth--;
  }
  return deepest;
}

const FORBIDDEN: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

function withoutForbidden(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutForbidden);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) =>
      FORBIDDEN.has(key) ? [] : [[key, withoutForbidden(member)]],
    ),
  );
}

function forbiddenKey(value: unknown, path = ""): string | null {
  if (typeof value !== "object" || value === null) return null;
  for (const key of Object.keys(value)) {
    const shown = shownName(key);
    const here = path === "" ? shown : `${path}.${shown}`;
    if (FORBIDDEN.has(key)) return here;
    const below = forbiddenKey((value as Record<string, unknown>)[key], here);
    if (below !== null) return below;
  }
  return null;
}
