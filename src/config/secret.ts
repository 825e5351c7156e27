import { readFileSync, statSync } from "node:fs";
import { withoutLineEnd } from "./fields.ts";

/**
 * Gives a secret as it is now. Cheap enough for every request; never throws: a file that is away for a
 * moment (or empty, half-way through a rotation) gives what it held last.
 */
export type SecretSource = () => string;

/** Percent signs undone. One that cannot be is taken as it stands: the schema cannot distinguish it from a password that has one. */
export function percentDecoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A secret that was given as it is and never changes. */
export function fixedSecret(value: string): SecretSource {
  return () => value;
}

/**
 * A secret that lives in a file, read again whenever the file is another one: time, size or inode
 * (Kubernetes swaps a symbolic link). Throws when it cannot be read the first time, or is empty.
 *
 * @param mayBe whether a later content can be the secret; what cannot is kept off like an empty file, a pipe, or one of
 * more than 1 MiB
 */
export function fileSecret(
  path: string,
  mayBe: (value: string) => boolean = () => true,
): SecretSource {
  let seen = fingerprint(path);
  let value = read(path);
  if (value === "") throw new Error("is empty");
  return () => {
    try {
      const now = fingerprint(path);
      if (now === seen || !isReadAtOnce(path)) return value;
      const next = read(path);
      // Not taken for seen while it is empty: a writer may be between truncating and writing.
      if (next.trim() !== "" && mayBe(next)) [seen, value] = [now, next];
    } catch {
      // Away for a moment: what it held last is the best there is.
    }
    return value;
  };
}

/** A set of which only a part was replaced is taken for whole when nothing more has changed for so long. */
const HALFWAY_MS = 5_000;

/**
 * Secrets in files that belong together: key, secret and token of one account, which whoever renews them writes one
 * after the other. A mixed set would be refused, and refusals lock the key: so the old set is given until every file
 * is a new one, or until nothing has changed for five seconds (some renew only the token, or the password).
 */
export function replacedTogether(
  files: readonly SecretSource[],
  nowMs: () => number = () => performance.now(),
): readonly SecretSource[] {
  const read = () => files.map((file) => file());
  let given = read();
  let seen = given;
  let changedAtMs = nowMs();

  function look(): void {
    const now = read();
    if (!now.every((value, index) => value === seen[index])) changedAtMs = nowMs();
    seen = now;
    const isWhole = seen.every((value, index) => value !== given[index]);
    if (isWhole || nowMs() - changedAtMs >= HALFWAY_MS) given = seen;
  }

  return files.map((_file, index) => () => {
    look();
    return given[index] ?? "";
  });
}

/** Many times more than any certificate or key. */
const MOST_BYTES = 1_048_576;

/** Reading stops everything else: a pipe that nobody writes to would do so for ever, a file of gigabytes for seconds. */
function isReadAtOnce(path: string): boolean {
  const file = statSync(path);
  return file.isFile() && file.size <= MOST_BYTES;
}

function fingerprint(path: string): string {
  const { mtimeMs, size, ino } = statSync(path);
  return `${mtimeMs} ${size} ${ino}`;
}

/** Some editors put a byte order mark before a text. */
function read(path: string): string {
  return withoutLineEnd(readFileSync(path, "utf8").replace(/^\uFEFF/, ""));
}
