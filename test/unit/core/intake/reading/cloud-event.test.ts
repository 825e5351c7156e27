import { describe, expect, it } from "vitest";
import { readCommand } from "../../../../../src/core/intake/intake.ts";
import type { RawCommand } from "../../../../../src/core/intake/reading/raw-command.ts";
import { BODY, COMMAND, INTAKE_RULES, NOW, PROJECT, SERVER } from "../../builders.ts";

const RULES = { ...INTAKE_RULES, projects: [PROJECT] };
const FIELDS = { server_id: SERVER, "os-reinstall": BODY };
const EVENT = { specversion: "1.0", id: COMMAND, source: "/healer", type: "reinstall" };

function take(value: unknown, properties: Partial<RawCommand> = {}) {
  const body = Buffer.from(JSON.stringify(value));
  return readCommand({ body, contentType: "application/json", ...properties }, NOW, RULES);
}

function refused(value: unknown, properties: Partial<RawCommand> = {}) {
  const intake = take(value, properties);
  if (intake.kind !== "refused") throw new Error("was understood");
  return intake;
}

const named = (value: unknown, properties: Partial<RawCommand> = {}) =>
  refused(value, properties).problems.map(({ path, code }) => `${path}: ${code}`);
const idOf = (value: unknown, properties: Partial<RawCommand> = {}) => {
  const intake = take(value, properties);
  return intake.kind === "understood" ? intake.order.commandId : intake.problems;
};
const headers = (changed: Record<string, unknown> = {}, prefix = "cloudEvents:") =>
  Object.fromEntries(
    Object.entries({ ...EVENT, ...changed }).map(([name, value]) => [`${prefix}${name}`, value]),
  );

describe("a CloudEvent in binary mode", () => {
  it.each(["cloudEvents:", "cloudEvents_", "cloudevents:"])("has its id in %sid", (prefix) => {
    expect(idOf(FIELDS, { headers: headers({}, prefix) })).toBe(COMMAND);
  });

  it("is the same command as one with that id in its body", () => {
    const one = take(FIELDS, { headers: headers() });
    const other = take({ ...FIELDS, command_id: COMMAND });
    expect(one).toEqual(other);
  });

  it.each([
    ["bytes", { id: Buffer.from(COMMAND) }, COMMAND],
    ["a number", { id: 42 }, "42"],
    ["an attribute that is not set", { subject: null, time: undefined }, COMMAND],
    ["extensions", { partitionkey: 7, traceparent: "00" }, COMMAND],
  ])("may write its attributes as %s", (_, changed, id) => {
    expect(idOf(FIELDS, { headers: headers(changed) })).toBe(id);
  });

  it.each(["application/json; charset=utf-8", "application/vnd.reinstall+json"])(
    "may call its data %s",
    (contentType) => {
      expect(idOf(FIELDS, { headers: headers(), contentType })).toBe(COMMAND);
    },
  );

  it("may have a message_id that is the same, and no other", () => {
    expect(idOf(FIELDS, { headers: headers(), messageId: COMMAND })).toBe(COMMAND);
    const { problems, subject } = refused(FIELDS, { headers: headers(), messageId: "m-1" });
    expect(problems).toMatchObject([{ path: "message_id", code: "conflict" }]);
    expect(subject.commandId).toBe(COMMAND);
  });

  it("may have a command_id that is the same, and no other", () => {
    expect(idOf({ ...FIELDS, command_id: COMMAND }, { headers: headers() })).toBe(COMMAND);
    expect(named({ ...FIELDS, command_id: "x" }, { headers: headers() })).toEqual([
      "command_id: conflict",
    ]);
  });

  it.each([
    ["no version", { specversion: undefined }, "headers.cloudEvents:specversion: missing"],
    ["another version", { specversion: "0.3" }, "headers.cloudEvents:specversion: invalid_value"],
    ["no id", { id: undefined }, "headers.cloudEvents:id: missing"],
    ["an id that breaks the rule", { id: "a/1" }, "headers.cloudEvents:id: invalid_format"],
    [
      "an object as id",
      { id: { "!": "timestamp", value: 1 } },
      "headers.cloudEvents:id: invalid_type",
    ],
    ["no source", { source: undefined }, "headers.cloudEvents:source: missing"],
    ["an empty type", { type: "" }, "headers.cloudEvents:type: too_small"],
  ])("is refused with %s", (_, changed, problem) => {
    expect(named(FIELDS, { headers: headers(changed) })).toEqual([problem]);
  });

  it("is refused where only its id is said: nothing is overlooked", () => {
    const only = { cloudEvents_id: COMMAND };
    expect(named(FIELDS, { headers: only, messageId: "m-1" })).toEqual([
      "headers.cloudEvents:specversion: missing",
      "headers.cloudEvents:source: missing",
      "headers.cloudEvents:type: missing",
    ]);
    expect(refused(FIELDS, { headers: only, messageId: "m-1" }).subject.commandId).toBe(COMMAND);
  });

  it("is refused when both spellings are there and differ", () => {
    const twice = { ...headers(), ...headers({ id: "other" }, "cloudEvents_") };
    expect(named(FIELDS, { headers: twice })).toContain("headers.cloudEvents:id: conflict");
    expect(idOf(FIELDS, { headers: { ...headers(), ...headers({}, "cloudEvents_") } })).toBe(
      COMMAND,
    );
  });

  it.each(["ce-", "ce_"])("is refused in the spelling of another binding: %sid", (prefix) => {
    const problems = named(FIELDS, { headers: headers({}, prefix), messageId: "m-1" });
    expect(problems).toContain(`headers.${prefix}id: unsupported`);
  });
});

describe("a CloudEvent in structured mode", () => {
  const event = { ...EVENT, data: FIELDS };
  const STRUCTURED = { contentType: "application/cloudevents+json; charset=utf-8" };

  it.each(["application/json", "text/plain", undefined, "application/octet-stream"])(
    "sent as %s is told which content type it needs, under its id",
    (contentType) => {
      const { problems, subject } = refused(event, { contentType, messageId: "m-1" });
      expect(problems).toMatchObject([{ path: "content_type", code: "unsupported" }]);
      expect(problems[0]?.message).toContain("looks like a CloudEvent");
      expect(problems[0]?.message).toContain("application/cloudevents+json");
      expect(subject).toMatchObject({ commandId: COMMAND, serverId: SERVER });
    },
  );

  it("is known by its version even without data, or with data in base64", () => {
    expect(named({ ...EVENT })).toEqual(["content_type: unsupported"]);
    expect(named({ ...EVENT, data_base64: "e30=" })).toEqual(["content_type: unsupported"]);
    expect(named({ ...EVENT, data_base64: "e30=" }, STRUCTURED)).toEqual(["data: missing"]);
  });

  it.each([
    ["none", {}],
    ["in base64", { data_base64: "e30=" }],
    ["a text", { data: "{}" }],
    ["a list", { data: [] }],
    ["null", { data: null }],
    ["the command beside it", FIELDS],
  ])(
    "is refused without a source where its data is %s: its own is not the command's",
    (_, data) => {
      for (const properties of [STRUCTURED, {}]) {
        const { subject } = refused({ ...EVENT, ...data, command_id: "none!" }, properties);
        const isPlain = "os-reinstall" in data && properties !== STRUCTURED;
        expect(subject.source).toBe(isPlain ? EVENT.source : undefined);
      }
    },
  );

  it("is refused with the source of its data", () => {
    const data = { ...FIELDS, server_id: "web-01", source: "node-healer" };
    for (const properties of [STRUCTURED, {}])
      expect(refused({ ...EVENT, data }, properties).subject.source).toBe("node-healer");
  });

  it("may repeat its id in the headers, and not contradict it", () => {
    expect(idOf(event, { ...STRUCTURED, headers: headers() })).toBe(COMMAND);
    expect(named(event, { ...STRUCTURED, headers: headers({ id: "other" }) })).toEqual([
      "headers.cloudEvents:id: conflict",
    ]);
  });

  it("is not a plain command, which is told so under its own id", () => {
    const { problems, subject } = refused({ ...FIELDS, command_id: COMMAND }, STRUCTURED);
    expect(problems[0]).toMatchObject({ path: "content_type", code: "unsupported" });
    expect(problems[0]?.message).toContain("must be application/json");
    expect(subject.commandId).toBe(COMMAND);
  });
});
