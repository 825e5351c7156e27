import { sha256 } from "../../identity.ts";

/** A field name longer than this, or with odd characters, is more likely somebody's secret in the wrong place. */
const PLAIN_NAME = /^[\p{L}\p{N}_.:$@/ -]{1,64}$/u;
/** A list of names in an event holds this many. */
const MAX_NAMES = 20;

/** What may be shown of a name that somebody else chose. */
export function shownName(name: string): string {
  return PLAIN_NAME.test(name) ? name : `(name of ${described(name)})`;
}

/** What may be shown of a text that broke its rule: enough to find it again at its emitter's, and no more. */
export function described(text: string): string {
  return `${text.length} characters, sha256 ${sha256(text).slice(0, 8)}…`;
}

/** The first names of a list, and how many more there were. */
export function shownNames(names: readonly string[]): string[] {
  const more = names.length - MAX_NAMES;
  return more > 0 ? [...names.slice(0, MAX_NAMES), `… and ${more} more`] : [...names];
}
