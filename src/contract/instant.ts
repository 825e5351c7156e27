import { z } from "zod";

/** An example for every message that refuses an instant. */
const EXAMPLE = "for example 2026-11-23T15:00:00Z or 2026-11-23T16:00:00.250+01:00";
/** Nothing that an emitter can mean happened before: this is older than the cloud itself. */
const EARLIEST_MS = Date.UTC(2000, 0, 1);
const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
/** 0001-01-01T00:00:00Z, what Go and .NET write for a time that was never set. */
const UNSET_MS = -62_135_596_800_000;

/**
 * RFC 3339, and what has the same one meaning in the hands of common serialisers: a space for the T, lower case, a
 * comma before the fraction (ISO 8601), no seconds (Java), `+0100` and `+01` (PHP, Java, PostgreSQL), a space before
 * the offset and `UTC` (Ruby), an offset with seconds (Python, for local mean time), the name of the zone in brackets
 * behind the offset (Java, RFC 9557).
 */
const INSTANT =
  /^(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)[Tt ](?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?:[.,](?<fraction>\d+))?)? ?(?<offset>[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)(?:\[[A-Za-z0-9_+/-]{1,64}\])?$/;
const WITHOUT_OFFSET = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?$/;
const UNSET_ANYWHERE = /^0001-01-01[Tt ]00:00(:00([.,]0+)?)?( ?([Zz]|UTC|[+-]\d\d(:?\d\d){0,2}))?$/;

export type InstantText =
  | { readonly kind: "instant"; readonly ms: number }
  /** The serialiser's word for "not set": no instant was meant. */
  | { readonly kind: "unset" }
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

/** Reads an instant. Epoch milliseconds, what is finer is cut off. A leap second is the second that follows it. */
export function readInstant(text: string): InstantText {
  if (UNSET_ANYWHERE.test(text)) return { kind: "unset" };
  const parts = INSTANT.exec(text)?.groups;
  if (parts === undefined) return refused("invalid_format", shapeProblem(text));
  const ms = epochMs(parts);
  if (ms === null) return refused("invalid_format", "is a date or a time that does not exist");
  if (ms === UNSET_MS) return { kind: "unset" };
  if (ms < EARLIEST_MS) {
    return refused(
      "implausible",
      "lies before the year 2000: a time that was never set? Leave the field out",
    );
  }
  if (ms > LATEST_MS) return refused("implausible", "lies after the year 9999");
  return { kind: "instant", ms };
}

/** A field that holds an instant: a text in, epoch milliseconds out. */
export const Instant = z
  .string({ error: `must be a text that holds an instant, ${EXAMPLE}` })
  .transform((text, context): number => {
    const read = readInstant(text);
    if (read.kind === "instant") return read.ms;
    const { code, message } =
      read.kind === "unset"
        ? { code: "implausible", message: "is a time that was never set: leave the field out" }
        : read;
    context.issues.push({ code: "custom", message, input: text, params: { rule: code } });
    return z.NEVER;
  })
  // What an emitter should write; more spellings are understood.
  .meta({ format: "date-time" });

function refused(code: string, message: string): InstantText {
  return { kind: "refused", code, message: `${message}; write ${EXAMPLE}` };
}

function shapeProblem(text: string): string {
  if (WITHOUT_OFFSET.test(text)) {
    return "has no offset from UTC, so it is another instant in every zone: add Z, or one such as +01:00";
  }
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return "is a date without a time";
  if (/^\d+([.,]\d+)?$/.test(text)) {
    return "is a number, which does not say what it counts";
  }
  return "is no instant of RFC 3339";
}

/** Null: no such day, hour, minute, second or offset. */
function epochMs(parts: Readonly<Record<string, string | undefined>>): number | null {
  const number = (name: string) => Number(parts[name] ?? 0);
  const [year, month, day] = [number("year"), number("month"), number("day")];
  const [hour, minute, second] = [number("hour"), number("minute"), number("second")];
  const offsetMs = offsetOf(parts["offset"] ?? "");
  if (hour > 23 || minute > 59 || second > 60 || offsetMs === null) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const fractionMs = Number((parts["fraction"] ?? "").slice(0, 3).padEnd(3, "0"));
  date.setUTCHours(hour, minute, second, second === 60 ? 0 : fractionMs);
  const ms = date.getTime() - offsetMs;
  return second === 60 && !startsMonth(ms) ? null : ms;
}

/** Leap seconds end a month of UTC, and nothing else. */
function startsMonth(ms: number): boolean {
  const date = new Date(ms);
  return date.getUTCDate() === 1 && ms % 86_400_000 === 0;
}

/** `Z` 0, `+0130` 5 400 000, `-00:00` 0 (RFC 3339: UTC, by somebody who does not know the local time). */
function offsetOf(text: string): number | null {
  const match = /^([+-])(\d\d):?(\d\d)?:?(\d\d)?$/.exec(text);
  if (match === null) return 0;
  const [, sign, hours, minutes = "0", seconds = "0"] = match;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return null;
  const ms = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
  return sign === "-" ? -ms : ms;
}
