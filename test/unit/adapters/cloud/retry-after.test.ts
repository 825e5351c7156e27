import { describe, expect, it } from "vitest";
import { retryAfterMs } from "../../../../src/adapters/cloud/http/retry-after.ts";

const NOW = Date.UTC(2026, 10, 23, 14, 20);
const LIMIT = "policy user over ratelimit,limit:200,time:5 minute";

describe("how long the cloud asks us to stay away", () => {
  it.each([
    ["seconds", "7", null, 7_000],
    ["a date", "Mon, 23 Nov 2026 14:20:30 GMT", null, 30_000],
    ["a date that has passed", "Mon, 23 Nov 2026 14:00:00 GMT", null, 1_000],
    ["nothing at all", null, null, null],
    ["a word", "soon", null, null],
    ["a year", "-5", null, null],
    ["no time", "0", null, 1_000],
    ["a day", "86400", null, 1_800_000],
    ["more than anybody waits", "99999999999999", null, 1_800_000],
    ["more than a number holds", "9".repeat(400), null, 1_800_000],
    ["several headers, the longest", "7, 120 , 1", null, 120_000],
    ["several headers, one of them of no use", "7, soon", null, null],
    ["the gateway's window", null, LIMIT, 300_000],
    ["a window in seconds", null, "limit:10,time:10 second", 10_000],
    ["a window in days", null, "limit:1,time:1 days", 1_800_000],
    ["the header first", "3", LIMIT, 3_000],
    ["the text when the header is no use", "soon", LIMIT, 300_000],
    ["another text", null, "time is a healer, limit unknown", null],
  ])("is read from %s", (_what, header, message, expected) => {
    expect(retryAfterMs(header, message, NOW)).toBe(expected);
  });

  it("obeys a lower limit of ours", () => {
    expect(retryAfterMs("600", null, NOW, 60_000)).toBe(60_000);
    expect(retryAfterMs("1", null, NOW, 50)).toBe(50);
  });
});
