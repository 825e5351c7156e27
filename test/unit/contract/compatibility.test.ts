import { describe, expect, it } from "vitest";
import { breaks } from "../../../scripts/contract/compatibility.ts";
import type { JsonSchema } from "../../../scripts/contract/json-schema.ts";

const OLD: JsonSchema = {
  type: "object",
  required: ["id"],
  properties: {
    id: { type: "string", pattern: "^a+$", maxLength: 5 },
    mode: { type: "string", enum: ["soft", "hard"] },
    why: { type: "string", "x-known-values": ["late", "gone"] },
    list: { type: "array", items: { type: "object", properties: { n: { type: "integer" } } } },
    at: { type: ["string", "null"], format: "date-time" },
  },
};

/** The old schema with one member replaced, or taken out. */
function withMember(name: string, member?: JsonSchema, required = ["id"]): JsonSchema {
  const properties = { ...(OLD["properties"] as object), [name]: member };
  const kept = Object.entries(properties).filter(([, value]) => value !== undefined);
  return { ...OLD, required, properties: Object.fromEntries(kept) };
}

const LIST = (n: JsonSchema): JsonSchema => ({
  type: "array",
  items: { type: "object", properties: { n } },
});

describe("what breaks an emitter", () => {
  it.each<[string, JsonSchema]>([
    ["mode: was removed", withMember("mode")],
    ['mode: no longer "hard"', withMember("mode", { type: "string", enum: ["soft"] })],
    ["why: takes only a list of values now", withMember("why", { type: "string", enum: ["late"] })],
    ["id: no longer string", withMember("id", { type: "integer" })],
    ["at: no longer null", withMember("at", { type: "string", format: "date-time" })],
    ["id: maxLength shrank", withMember("id", { type: "string", pattern: "^a+$", maxLength: 4 })],
    ["id: minLength grew", withMember("id", { ...member("id"), minLength: 2 })],
    ["id: pattern is another", withMember("id", { ...member("id"), pattern: "^b+$" })],
    ["list[].n: minimum grew", withMember("list", LIST({ type: "integer", minimum: 1 }))],
    ["list[].n: was removed", withMember("list", { type: "array", items: { type: "object" } })],
    ["the whole: mode is needed now", withMember("mode", member("mode"), ["id", "mode"])],
    ["the whole: anyOf is another", { ...OLD, anyOf: [{ required: ["mode"] }] }],
  ])("%s", (line, now) => {
    expect(breaks(OLD, now, "written-to-us")).toContain(line);
  });

  it.each<[string, JsonSchema]>([
    ["nothing changed", OLD],
    ["a new optional field", withMember("more", { type: "string" })],
    ["a value more", withMember("mode", { type: "string", enum: ["soft", "hard", "later"] })],
    ["a longer text", withMember("id", { type: "string", pattern: "^a+$", maxLength: 9 })],
    ["a field that is needed no more", { ...OLD, required: [] }],
    ["another description", withMember("why", { ...member("why"), description: "why" })],
  ])("not %s", (_what, now) => {
    expect(breaks(OLD, now, "written-to-us")).toEqual([]);
  });
});

describe("what breaks a reader", () => {
  it.each<[string, JsonSchema]>([
    ["mode: was removed", withMember("mode")],
    ["the whole: id may be missing now", { ...OLD, required: [] }],
    ["the whole: mode is needed now", withMember("mode", member("mode"), ["id", "mode"])],
    [
      'mode: may be "later" now',
      withMember("mode", { type: "string", enum: ["soft", "hard", "later"] }),
    ],
    ["mode: may be any value now", withMember("mode", { type: "string" })],
    ["id: may be null now", withMember("id", { ...member("id"), type: ["string", "null"] })],
    ["id: may be anything now", withMember("id", {})],
    ["list[].n: may be number now", withMember("list", LIST({ type: "number" }))],
    [
      "why: gone is no known value any more",
      withMember("why", { type: "string", "x-known-values": ["late"] }),
    ],
  ])("%s", (line, now) => {
    expect(breaks(OLD, now, "written-by-us")).toContain(line);
  });

  it.each<[string, JsonSchema]>([
    ["nothing changed", OLD],
    ["a new member", withMember("more", { type: "string" })],
    [
      "a known value more",
      withMember("why", { type: "string", "x-known-values": ["late", "gone", "new"] }),
    ],
  ])("not %s", (_what, now) => {
    expect(breaks(OLD, now, "written-by-us")).toEqual([]);
  });
});

function member(name: string): JsonSchema {
  return (OLD["properties"] as Record<string, JsonSchema>)[name] ?? {};
}
