import { describe, expect, it } from "vitest";
import { readInstant } from "../../../src/contract/instant.ts";

const NOON = Date.parse("2026-12-01T12:00:00Z");

const msOf = (text: string) => {
  const read = readInstant(text);
  return read.kind === "instant" ? read.ms : read;
};

describe("an instant", () => {
  it.each([
    ["RFC 3339", "2026-12-01T12:00:00Z"],
    ["RFC 3339, lower case", "2026-12-01t12:00:00z"],
    ["RFC 3339, a space", "2026-12-01 12:00:00Z"],
    ["RFC 3339, local offset unknown", "2026-12-01T12:00:00-00:00"],
    ["Go, RFC3339Nano", "2026-12-01T13:00:00.000000000+01:00"],
    ["JavaScript, toISOString", "2026-12-01T12:00:00.000Z"],
    ["Python, isoformat", "2026-12-01T12:00:00+00:00"],
    ["Python, isoformat with microseconds", "2026-12-01T12:00:00.000001+00:00"],
    ["Python, str", "2026-12-01 12:00:00+00:00"],
    ["Python, local mean time", "2026-12-01T12:09:21+00:09:21"],
    ["Java, Instant", "2026-12-01T12:00:00Z"],
    ["Java, OffsetDateTime without seconds", "2026-12-01T12:00Z"],
    ["Java, OffsetDateTime with an offset", "2026-12-01T13:00+01:00"],
    ["Java, ZonedDateTime", "2026-12-01T13:00+01:00[Europe/Paris]"],
    ["Java, SimpleDateFormat", "2026-12-01T13:00:00.000+0100"],
    [".NET, round trip", "2026-12-01T12:00:00.0000000Z"],
    [".NET, DateTimeOffset", "2026-12-01T17:30:00.0000000+05:30"],
    ["PHP, ISO8601", "2026-12-01T12:00:00+0000"],
    ["PHP, ATOM", "2026-12-01T12:00:00+00:00"],
    ["Ruby, to_s", "2026-12-01 13:00:00 +0100"],
    ["Ruby, to_s in UTC", "2026-12-01 12:00:00 UTC"],
    ["PostgreSQL", "2026-12-01 13:00:00+01"],
    ["ISO 8601, a comma", "2026-12-01T12:00:00,000Z"],
    ["west of Greenwich", "2026-12-01T02:30:00-0930"],
    ["on another day", "2026-11-30T13:00:00-23:00"],
  ])("of %s is read: %s", (_, text) => {
    expect(msOf(text)).toBe(NOON);
  });

  it.each([
    ["2026-12-01T12:00:00.5Z", 500],
    ["2026-12-01T12:00:00.123456789123456789Z", 123],
    ["2026-12-01T12:00:00,999999Z", 999],
    [`2026-12-01T12:00:00.${"0".repeat(5_000)}1Z`, 0],
  ])("may have any number of digits behind the second", (text, ms) => {
    expect(msOf(text)).toBe(NOON + ms);
  });

  it.each([
    ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"],
    ["2016-12-31T15:59:60.9-08:00", "2017-01-01T00:00:00Z"],
    ["2026-06-30T23:59:60+00:00", "2026-07-01T00:00:00Z"],
  ])("may be a leap second: %s", (text, same) => {
    expect(msOf(text)).toBe(Date.parse(same));
  });

  it.each([
    ["2000-01-01T00:00:00Z", 946_684_800_000],
    ["2024-02-29T00:00:00Z", 1_709_164_800_000],
    ["9999-12-31T23:59:59.999Z", 253_402_300_799_999],
  ])("may be as early and as late as this: %s", (text, ms) => {
    expect(msOf(text)).toBe(ms);
  });
});

describe("a time that was never set", () => {
  it.each([
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00",
    "0001-01-01T00:00:00.0000000",
    "0001-01-01T00:00:00+00:00",
    "0001-01-01T00:00:00+01:00",
    "0001-01-01T01:00:00+01:00",
    "0001-01-01 00:00:00 UTC",
  ])("is known as such: %s", (text) => {
    expect(readInstant(text)).toEqual({ kind: "unset" });
  });
});

describe("what is no instant", () => {
  it.each([
    ["1970-01-01T00:00:00Z", "implausible", "before the year 2000"],
    ["1969-12-31T23:59:59Z", "implausible", "never set"],
    ["0001-01-01T00:00:01Z", "implausible", "Leave the field out"],
    ["0000-01-01T00:00:00Z", "implausible", "before the year 2000"],
    ["1999-12-31T23:59:59.999Z", "implausible", "before the year 2000"],
    ["9999-12-31T23:59:59-01:00", "implausible", "after the year 9999"],
    ["2026-12-01T12:00:00", "invalid_format", "no offset"],
    ["2026-12-01 12:00", "invalid_format", "no offset"],
    ["9999-12-31T23:59:59.9999999", "invalid_format", "no offset"],
    ["2026-12-01", "invalid_format", "without a time"],
    ["1795446000", "invalid_format", "is a number"],
    ["1795446000.5", "invalid_format", "is a number"],
    ["", "invalid_format", "no instant"],
    ["soon", "invalid_format", "no instant"],
    ["20261201T120000Z", "invalid_format", "no instant"],
    ["2026-W49-2T12:00:00Z", "invalid_format", "no instant"],
    ["2026-335T12:00:00Z", "invalid_format", "no instant"],
    ["01/12/2026 12:00:00Z", "invalid_format", "no instant"],
    ["Tue, 01 Dec 2026 12:00:00 GMT", "invalid_format", "no instant"],
    ["2026-12-01T12:00:00 CET", "invalid_format", "no instant"],
    ["2026-12-01T12:00:00Z ", "invalid_format", "no instant"],
    ["2026-12-01T12:00:00Z\n", "invalid_format", "no instant"],
    ["2026-12-01T12:00.5Z", "invalid_format", "no instant"],
    ["2026-12-01T12Z", "invalid_format", "no instant"],
    ["+2026-12-01T12:00:00Z", "invalid_format", "no instant"],
    ["２０２６-12-01T12:00:00Z", "invalid_format", "no instant"],
    ["2026-13-01T00:00:00Z", "invalid_format", "does not exist"],
    ["2026-00-01T00:00:00Z", "invalid_format", "does not exist"],
    ["2026-02-29T00:00:00Z", "invalid_format", "does not exist"],
    ["2026-02-30T15:00:00Z", "invalid_format", "does not exist"],
    ["2026-11-31T15:00:00Z", "invalid_format", "does not exist"],
    ["2026-12-00T00:00:00Z", "invalid_format", "does not exist"],
    ["2026-12-01T24:00:00Z", "invalid_format", "does not exist"],
    ["2026-12-01T12:60:00Z", "invalid_format", "does not exist"],
    ["2026-12-01T12:00:61Z", "invalid_format", "does not exist"],
    ["2026-12-01T12:00:60Z", "invalid_format", "does not exist"],
    ["2026-12-15T23:59:60Z", "invalid_format", "does not exist"],
    ["2026-12-01T12:00:00+24:00", "invalid_format", "does not exist"],
    ["2026-12-01T12:00:00+01:60", "invalid_format", "does not exist"],
  ])("is refused, and says why: %s", (text, code, says) => {
    const read = readInstant(text);
    if (read.kind !== "refused") throw new Error(read.kind);
    expect(read.code).toBe(code);
    expect(read.message).toContain(says);
    expect(read.message).toContain("for example 2026-11-23T15:00:00Z");
    // Never the value: it may be a secret in the wrong field.
    if (text.length > 4) expect(read.message).not.toContain(text);
  });
});
