/**
 * For `JSON.parse` and `JSON.stringify`: half of a surrogate pair, left where a text was cut off, becomes U+FFFD. No URL can hold
 * the half, and many readers of JSON refuse it, Redis's among them.
 */
export function wellFormed(_name: string, value: unknown): unknown {
  return typeof value === "string" ? wellFormedText(value) : value;
}

/** The same for one text. */
export function wellFormedText(text: string): string {
  return text.replaceAll(/\p{Surrogate}/gu, "\uFFFD");
}

/** JSON of somebody else. The detour costs much of a long text, and is seldom needed. */
export function parsedWellFormed(text: string): unknown {
  return HALF_MAY_BE.test(text) ? JSON.parse(text, wellFormed) : JSON.parse(text);
}

/** In a text that was decoded from UTF-8 a half can only be escaped. */
const HALF_MAY_BE = /\\ud[89a-f]/i;
