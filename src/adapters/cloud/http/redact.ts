import { wellFormedText } from "../../../core/intake/reading/well-formed.ts";

/** Longest text of the cloud that goes into an outcome, an event or a log. */
const MAX_MESSAGE_CHARS = 300;

const HIDDEN = "[hidden]";
/** Below this a value is no secret worth the name, and replacing it would shred ordinary words. */
const MIN_SECRET_CHARS = 4;

/**
 * A text of the cloud (or of a library) made fit for people: no secret, one line, bounded. A refused
 * signature is answered with the gateway's canonical request (ECS API notes §5.3), which holds the
 * security token where one was signed; a validation error may quote the body.
 */
export function presentable(
  text: string,
  secrets: readonly string[] = [],
  maxChars = MAX_MESSAGE_CHARS,
): string {
  if (text === "") return "";
  let clean = text;
  // Longest first: one secret may be part of another.
  for (const secret of [...secrets].sort((a, b) => b.length - a.length)) {
    if (secret.length >= MIN_SECRET_CHARS) clean = clean.replaceAll(secret, HIDDEN);
  }
  clean = clean
    .replaceAll(
      /\b(x-auth-token|x-subject-token|x-security-token)\b["']?\s*[:=]\s*["']?[^\s"'|,;]+/gi,
      `$1:${HIDDEN}`,
    )
    .replaceAll(/\bauthorization\b["']?\s*[:=]\s*["']?[^"'|\r\n]*/gi, `authorization:${HIDDEN}`)
    .replaceAll(
      /\b(user_data|adminpass|password|secret)\b["']?\s*[:=]\s*["']?[^\s"'|,;]+/gi,
      `$1:${HIDDEN}`,
    )
    // A truncated echo holds only a part of a secret: no value of ours that people need is that long.
    .replaceAll(/[A-Za-z0-9+/_=-]{48,}/g, HIDDEN)
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029\s]+/gu, " ")
    .trim();
  // Cut between two code units it may end in half a character.
  return wellFormedText(clean.length <= maxChars ? clean : `${clean.slice(0, maxChars - 1)}…`);
}

/** The payload of `user_data` in every form that an answer might quote: as sent, and line by line. */
export function userDataSecrets(userData: string | undefined): readonly string[] {
  if (userData === undefined) return [];
  const lines = Buffer.from(userData, "base64").toString("utf8").split(/\r?\n/);
  return [userData, ...lines.map((line) => line.trim()).filter((line) => line.length >= 6)];
}
