import { z } from "zod";

/** Characters of the longest name that a lock's owner may have (contract §4). */
const LONGEST = 200;

/**
 * Who holds a server's lock, as it may be shown: a command id, or what another service calls itself. 1-200 printable
 * characters; made by {@link shownOwner}.
 */
export const LockOwner = z
  .string()
  .min(1)
  .max(2 * LONGEST);
export type LockOwner = z.infer<typeof LockOwner>;

/**
 * The owner that stands in a lock, safe in an event, a log line or a terminal. Another service wrote it, and may have
 * written anything: what is not printable is named by its code point, what is too long is cut.
 *
 * | in the lock | shown |
 * |---|---|
 * | `ops/resizer-7f9c` | `ops/resizer-7f9c` |
 * | `a\nb` | `a\u{a}b` |
 * | nothing | `(unnamed)` |
 */
export function shownOwner(raw: string): LockOwner {
  const printable = raw.replace(UNPRINTABLE, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
  const characters = Array.from(printable);
  const short =
    characters.length <= LONGEST ? printable : `${characters.slice(0, LONGEST - 1).join("")}…`;
  return short === "" ? "(unnamed)" : short;
}

/** Control, format (they turn the direction of a line), unassigned, lone surrogates; separators of lines. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;
