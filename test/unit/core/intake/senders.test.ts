import { describe, expect, it } from "vitest";
import { ProjectId } from "../../../../src/contract/ids.ts";
import { perHourOf, type SenderRule, senderProblems } from "../../../../src/core/intake/senders.ts";

const ONE = ProjectId.parse("0123456789abcdef0123456789abcdef");
const OTHER = ProjectId.parse("f123456789abcdef0123456789abcdef");
const SENDERS: readonly SenderRule[] = [
  { user: "any" },
  { user: "narrow", projects: [ONE], groups: ["web", "db"], perHour: 5 },
];
const CODE = "sender-not-allowed";
const wish = (sender: string | undefined, more: object = {}) => ({
  sender,
  project: ONE,
  group: undefined,
  ...more,
});
const problems = (...[asked, prefix = ""]: [ReturnType<typeof wish>, string?]) =>
  senderProblems(SENDERS, asked, prefix);

describe("who may ask for what", () => {
  it("is everybody for everything, where nobody is named", () => {
    expect(senderProblems([], wish(undefined), "")).toEqual([]);
  });

  it.each([undefined, "stranger", "", "ANY", "any "])("is not: %j", (sender) => {
    expect(problems(wish(sender))).toEqual([
      { path: "user_id", code: CODE, message: expect.any(String) },
    ]);
  });

  it("is a user without limits, for each project and group", () => {
    expect(problems(wish("any"))).toEqual([]);
    expect(problems(wish("any", { project: OTHER, group: "x" }))).toEqual([]);
  });

  it("is a user for its projects and groups; a command without a group is of none of them", () => {
    expect(problems(wish("narrow", { group: "web" }))).toEqual([]);
    expect(problems(wish("narrow", { group: "cache" }), "data.")).toEqual([
      { path: "data.group", code: CODE, message: expect.stringContaining("web, db") },
    ]);
    expect(problems(wish("narrow"))).toMatchObject([{ path: "group" }]);
    expect(problems(wish("narrow", { project: OTHER }))).toMatchObject([
      { path: "project_id", message: expect.stringContaining(ONE) },
      { path: "group" },
    ]);
  });

  it("says how many may start within an hour", () => {
    expect(perHourOf(SENDERS, "narrow")).toBe(5);
    expect(perHourOf(SENDERS, "any")).toBe(0);
    expect(perHourOf(SENDERS, undefined)).toBe(0);
    expect(perHourOf(undefined, "any")).toBe(0);
  });
});
