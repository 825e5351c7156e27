import { describe, expect, it } from "vitest";
import { MAX_COMMAND_BYTES } from "../../../../src/contract/command.ts";
import { type Intake, readCommand } from "../../../../src/core/intake/intake.ts";
import type { RawCommand } from "../../../../src/core/intake/reading/raw-command.ts";
import {
  BODY,
  COMMAND,
  DISK,
  FOREIGN_PROJECT,
  HOUR,
  INTAKE_RULES,
  MINUTE,
  NOW,
  OTHER_PROJECT,
  PROJECT,
  SERVER,
} from "../builders.ts";

const RULES = { ...INTAKE_RULES, projects: [PROJECT, OTHER_PROJECT] };
const MAX_USER_DATA = 32_768;

const COMMAND_FIELDS = { command_id: COMMAND, server_id: SERVER, "os-reinstall": BODY };
const { command_id: _id, ...NAMELESS } = COMMAND_FIELDS;
const { server_id: _server, ...SERVERLESS } = COMMAND_FIELDS;
const { "os-reinstall": _body, ...BODILESS } = COMMAND_FIELDS;

function take(value: unknown, properties: Partial<RawCommand> = {}): Intake {
  const body = Buffer.isBuffer(value)
    ? value
    : Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  return readCommand({ body, contentType: "application/json", ...properties }, NOW, RULES);
}

function understood(value: unknown, properties?: Partial<RawCommand>) {
  const intake = take(value, properties);
  if (intake.kind !== "understood") throw new Error(JSON.stringify(intake.problems));
  return intake;
}

function refused(value: unknown, properties?: Partial<RawCommand>) {
  const intake = take(value, properties);
  if (intake.kind !== "refused") throw new Error("was understood");
  return intake;
}

/** Every problem as `path: code`. */
function problems(value: unknown, properties?: Partial<RawCommand>): string[] {
  return refused(value, properties).problems.map(({ path, code }) => `${path}: ${code}`);
}

const command = (changed: Record<string, unknown>) => ({ ...COMMAND_FIELDS, ...changed });
const reinstall = (body: unknown) => command({ "os-reinstall": body });
const metadata = (members: unknown) => reinstall({ ...BODY, metadata: members });
const base64 = (bytes: number) => Buffer.from("#!".padEnd(bytes)).toString("base64");
const event = (changed: Record<string, unknown> = {}) => ({
  specversion: "1.0",
  id: COMMAND,
  source: "/healer",
  type: "com.example.reinstall",
  data: NAMELESS,
  ...changed,
});
const CLOUD_EVENT = { contentType: "application/cloudevents+json" };

describe("the outside of a message", () => {
  it.each([
    ["no content type", { contentType: undefined }, "content_type: unsupported"],
    ["text", { contentType: "text/plain" }, "content_type: unsupported"],
    [
      "another kind of JSON",
      { contentType: "application/problem+json" },
      "content_type: unsupported",
    ],
    [
      "a batch of CloudEvents",
      { contentType: "application/cloudevents-batch+json" },
      "content_type: unsupported",
    ],
    [
      "another charset",
      { contentType: "application/json; charset=utf-16" },
      "content_type: unsupported",
    ],
    ["gzip", { contentEncoding: "gzip" }, "content_encoding: unsupported"],
  ])("is refused with %s", (_, properties: Partial<RawCommand>, problem) => {
    expect(problems(COMMAND_FIELDS, properties)).toEqual([problem]);
  });

  it.each([
    { contentType: "application/json; charset=utf-8" },
    { contentType: 'Application/JSON;CHARSET="UTF-8"' },
    { contentType: "application/json; charset=utf8; q=1" },
    { contentEncoding: "utf-8" },
    { contentEncoding: "UTF8" },
    { contentEncoding: "identity" },
    { contentEncoding: "" },
  ])("is taken with %j", (properties: Partial<RawCommand>) => {
    expect(understood(COMMAND_FIELDS, properties).order.commandId).toBe(COMMAND);
  });

  it("is answered under its id and server, whatever its content type", () => {
    const { subject } = refused(COMMAND_FIELDS, { contentType: "text/plain" });
    expect(subject).toMatchObject({ commandId: COMMAND, projectId: PROJECT, serverId: SERVER });
  });
});

describe("bytes that are no command", () => {
  const padded = (bytes: number) => {
    const shell = JSON.stringify(command({ padding: "" }));
    return JSON.stringify(command({ padding: "x".repeat(bytes - shell.length) }));
  };

  it.each([
    ["nothing", "", ": not-json"],
    ["white space", " \n", ": not-json"],
    ["half a text", '{"command_id":', ": not-json"],
    ["a comment", '{"a":1}//', ": not-json"],
    ["a byte of Latin-1", Buffer.from('{"command_id":"\xe9"}', "latin1"), ": not-utf8"],
    ["half a character", Buffer.from([0x22, 0xe2, 0x82, 0x22]), ": not-utf8"],
    ["a surrogate in bytes", Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), ": not-utf8"],
    ["UTF-16", Buffer.from('{"a":1}', "utf16le"), ": not-json"],
    ["17 levels of lists", "[".repeat(17) + "]".repeat(17), ": too-deep"],
    ["17 levels of objects", '{"a":'.repeat(17) + "1" + "}".repeat(17), ": too-deep"],
    ["100 000 brackets", "[".repeat(100_000), ": too-deep"],
    ["one byte too many", padded(MAX_COMMAND_BYTES + 1), ": too_big"],
    ["a megabyte that is not UTF-8", Buffer.alloc(1_048_576, 0xff), ": too_big"],
    ["a key __proto__", '{"__proto__":{"server_id":"x"}}', "__proto__: forbidden-key"],
    ["a key constructor", command({ constructor: 1 }), "constructor: forbidden-key"],
    [
      "a key prototype further in",
      reinstall({ metadata: { prototype: {} } }),
      "os-reinstall.metadata.prototype: forbidden-key",
    ],
    ["a key __proto__ in a list", '{"list":[{"__proto__":1}]}', "list.0.__proto__: forbidden-key"],
    ["a number", "42", ": invalid_type"],
    ["null", "null", ": invalid_type"],
    ["a text", '"heal"', ": invalid_type"],
    ["a list of commands", [COMMAND_FIELDS], ": invalid_type"],
  ])("are refused: %s", (_, value: unknown, problem) => {
    expect(problems(value)).toContain(problem);
  });

  it.each([
    command({ list: [{ constructor: "Planted-1" }] }),
    JSON.stringify(command({})).replace("{", '{"__proto__":{"command_id":"other"},'),
    reinstall({ metadata: { prototype: { user_data: "Planted-1" } } }),
  ])("are answered under the command's own id, where a key is not taken: %j", (value) => {
    const intake = refused(value);
    const { command_id: commandId, server_id: serverId } = COMMAND_FIELDS;
    expect(intake.subject).toMatchObject({ commandId, serverId });
    expect(JSON.stringify(intake)).not.toMatch(/Planted-1|other/);
  });

  it("may be as many as allowed, to the byte", () => {
    const text = padded(MAX_COMMAND_BYTES);
    expect(Buffer.byteLength(text)).toBe(131_072);
    expect(understood(text).order.commandId).toBe(COMMAND);
  });

  it("may nest 16 levels, and hold any number of brackets in a text", () => {
    const deep = JSON.parse('{"a":'.repeat(15) + "1" + "}".repeat(15)) as unknown;
    expect(understood(command({ deep })).unknownFields).toBe(1);
    expect(understood(command({ reason: '[[{{"\\[[['.repeat(50) })).unknownFields).toBe(0);
  });

  it("have an id made of their hash, always the same", () => {
    const { subject, contentHash } = refused("{");
    expect(subject).toEqual({
      commandId: `unidentified-${contentHash.slice(0, 32)}`,
      projectId: PROJECT,
      serverId: null,
    });
    expect(refused("{").subject).toEqual(subject);
    expect(refused("{ ").subject.commandId).not.toBe(subject.commandId);
  });

  it("are answered under the AMQP message_id where there is a valid one", () => {
    expect(refused("{", { messageId: COMMAND }).subject.commandId).toBe(COMMAND);
    expect(refused("{", { messageId: "two words" }).subject.commandId).toMatch(/^unidentified-/);
  });
});

describe("a field that breaks its rule is named, with the rule", () => {
  it.each([
    ["no server", SERVERLESS, "server_id: missing"],
    ["a server that is no UUID", command({ server_id: "web-01" }), "server_id: invalid_format"],
    ["a server in braces", command({ server_id: `{${SERVER}}` }), "server_id: invalid_format"],
    [
      "a server with a line end",
      command({ server_id: `${SERVER}\n` }),
      "server_id: invalid_format",
    ],
    ["a number as server", command({ server_id: 1 }), "server_id: invalid_type"],
    ["null as server", command({ server_id: null }), "server_id: missing"],
    ["an empty id", command({ command_id: "" }), "command_id: invalid_format"],
    ["an id with a space", command({ command_id: "a b" }), "command_id: invalid_format"],
    ["an id with a slash", command({ command_id: "a/1" }), "command_id: invalid_format"],
    ["an id with a tilde", command({ command_id: "a~1" }), "command_id: invalid_format"],
    ["an id with an umlaut", command({ command_id: "größe" }), "command_id: invalid_format"],
    ["an id with a line end", command({ command_id: "a\n" }), "command_id: invalid_format"],
    ["an id too long", command({ command_id: "x".repeat(129) }), "command_id: invalid_format"],
    ["a number as id", command({ command_id: 7 }), "command_id: invalid_type"],
    ["null as id", command({ command_id: null }), "command_id: missing"],
    ["a project too short", command({ project_id: "abc" }), "project_id: invalid_format"],
    [
      "a project that is no hex",
      command({ project_id: "g".repeat(32) }),
      "project_id: invalid_format",
    ],
    ["a project of others", command({ project_id: FOREIGN_PROJECT }), "project_id: not-allowed"],
    ["no body", BODILESS, "os-reinstall: missing"],
    ["null as body", reinstall(null), "os-reinstall: missing"],
    ["a text as body", reinstall("{}"), "os-reinstall: invalid_type"],
    ["a list as body", reinstall([]), "os-reinstall: invalid_type"],
    ["an empty body", reinstall({}), "os-reinstall: no-login"],
    ["a body of mode alone", reinstall({ mode: "withStopServer" }), "os-reinstall: no-login"],
    [
      "metadata without user_data alone",
      reinstall({ metadata: { BYOL: "true" } }),
      "os-reinstall: no-login",
    ],
    [
      "a key name without user",
      reinstall({ keyname: "k" }),
      "os-reinstall.userid: keyname-needs-userid",
    ],
    [
      "a number as key name",
      reinstall({ ...BODY, keyname: 5 }),
      "os-reinstall.keyname: invalid_type",
    ],
    [
      "a long key name",
      reinstall({ ...BODY, keyname: "k".repeat(256) }),
      "os-reinstall.keyname: too_big",
    ],
    ["a user with a space", reinstall({ userid: "a b" }), "os-reinstall.userid: invalid_format"],
    ["another mode", reinstall({ ...BODY, mode: "now" }), "os-reinstall.mode: invalid_value"],
    ["an empty mode", reinstall({ ...BODY, mode: "" }), "os-reinstall.mode: invalid_value"],
    [
      "a password",
      reinstall({ ...BODY, adminpass: "x" }),
      "os-reinstall.adminpass: adminpass-refused",
    ],
    [
      "an empty password",
      reinstall({ ...BODY, adminpass: "" }),
      "os-reinstall.adminpass: adminpass-refused",
    ],
    ["a list as metadata", metadata([]), "os-reinstall.metadata: invalid_type"],
    ["BYOL false", metadata({ BYOL: "false" }), "os-reinstall.metadata.BYOL: invalid_value"],
    ["BYOL as a boolean", metadata({ BYOL: true }), "os-reinstall.metadata.BYOL: invalid_value"],
    [
      "encrypted as a number",
      metadata({ __system__encrypted: 1 }),
      "os-reinstall.metadata.__system__encrypted: invalid_value",
    ],
    [
      "a key of the disk without encryption",
      metadata({ __system__cmkid: "0".repeat(36) }),
      "os-reinstall.metadata.__system__cmkid: cmkid-needs-encrypted",
    ],
    [
      "a key of the disk with encryption off",
      metadata({ __system__cmkid: "0".repeat(36), __system__encrypted: "0" }),
      "os-reinstall.metadata.__system__cmkid: cmkid-needs-encrypted",
    ],
    [
      "a key of the disk that is too short",
      metadata({ __system__cmkid: "0".repeat(35), __system__encrypted: "1" }),
      "os-reinstall.metadata.__system__cmkid: too_small",
    ],
    [
      "a key of the disk that is too long",
      metadata({ __system__cmkid: "0".repeat(37), __system__encrypted: "1" }),
      "os-reinstall.metadata.__system__cmkid: too_big",
    ],
    ["empty user data", metadata({ user_data: "" }), "os-reinstall.metadata.user_data: too_small"],
    [
      "user data encoded twice",
      metadata({ user_data: "SXlFdlltbHVMMkpoYzJnSw==" }),
      "os-reinstall.metadata.user_data: user-data-encoded-twice",
    ],
    [
      "user data of nothing that is known",
      metadata({ user_data: "aGVsbG8=" }),
      "os-reinstall.metadata.user_data: user-data-unknown-format",
    ],
    [
      "user data as an object",
      metadata({ user_data: {} }),
      "os-reinstall.metadata.user_data: invalid_type",
    ],
    [
      "plain text",
      metadata({ user_data: "#!/bin/sh" }),
      "os-reinstall.metadata.user_data: invalid_format",
    ],
    [
      "no padding",
      metadata({ user_data: "IyEvYmluL3NoCg" }),
      "os-reinstall.metadata.user_data: invalid_format",
    ],
    [
      "half the padding",
      metadata({ user_data: "Cg=" }),
      "os-reinstall.metadata.user_data: invalid_format",
    ],
    [
      "padding alone",
      metadata({ user_data: "====" }),
      "os-reinstall.metadata.user_data: invalid_format",
    ],
    [
      "padding inside",
      metadata({ user_data: "Cg==Cg==" }),
      "os-reinstall.metadata.user_data: invalid_format",
    ],
    [
      "a line end inside",
      metadata({ user_data: "IyEv\nYmlu" }),
      "os-reinstall.metadata.user_data: invalid_format",
    ],
    [
      "a line end behind",
      metadata({ user_data: "IyEv\n" }),
      "os-reinstall.metadata.user_data: invalid_format",
    ],
    [
      "a space",
      metadata({ user_data: "IyEv Ymlu" }),
      "os-reinstall.metadata.user_data: invalid_format",
    ],
    [
      "the URL alphabet",
      metadata({ user_data: "-_-_" }),
      "os-reinstall.metadata.user_data: invalid_format",
    ],
    [
      "one byte of user data too many",
      metadata({ user_data: base64(MAX_USER_DATA + 1) }),
      "os-reinstall.metadata.user_data: user-data-too-large",
    ],
    [
      "two bytes of user data too many",
      metadata({ user_data: base64(MAX_USER_DATA + 2) }),
      "os-reinstall.metadata.user_data: user-data-too-large",
    ],
    ["another on_busy", command({ on_busy: "steal" }), "on_busy: invalid_value"],
    ["a date as expiry", command({ expires_at: "2026-11-23" }), "expires_at: invalid_format"],
    [
      "a local time as expiry",
      command({ expires_at: "2026-11-23T15:00:00" }),
      "expires_at: invalid_format",
    ],
    [
      "a day that is not",
      command({ expires_at: "2026-02-30T15:00:00Z" }),
      "expires_at: invalid_format",
    ],
    ["epoch seconds as expiry", command({ expires_at: 1_795_446_000 }), "expires_at: invalid_type"],
    ["words as observation", command({ observed_at: "yesterday" }), "observed_at: invalid_format"],
    ["an empty disk", command({ expected_system_disk: "" }), "expected_system_disk: too_small"],
    [
      "a long disk",
      command({ expected_system_disk: "d".repeat(129) }),
      "expected_system_disk: too_big",
    ],
    ["a long source", command({ source: "s".repeat(201) }), "source: too_big"],
    ["a long reason", command({ reason: "r".repeat(1_001) }), "reason: too_big"],
    ["a number as reason", command({ reason: 5 }), "reason: invalid_type"],
    ["dry_run as a text", command({ dry_run: "false" }), "dry_run: invalid_type"],
  ])("%s", (_, value: unknown, problem) => {
    expect(problems(value)).toEqual([problem]);
  });

  it.each([
    ["an empty key name", { userid: "u", keyname: "" }, "keyname: too_small"],
    ["an empty user", { userid: "" }, "userid: invalid_format"],
    ["a password alone", { adminpass: "Correct-Horse1" }, "adminpass: adminpass-refused"],
  ])("%s, beside the login that is missing with it", (_, body, problem) => {
    expect(problems(reinstall(body))).toEqual([
      `os-reinstall.${problem}`,
      "os-reinstall: no-login",
    ]);
  });

  it("and all of them at once", () => {
    const wrong = { server_id: 1, "os-reinstall": { mode: "x" }, project_id: FOREIGN_PROJECT };
    expect(problems(wrong)).toEqual([
      "server_id: invalid_type",
      "os-reinstall.mode: invalid_value",
      "command_id: missing",
      "project_id: not-allowed",
    ]);
  });

  it("once each, with a message for people", () => {
    for (const problem of refused({}).problems) expect(problem.message).not.toBe("");
    const keys = problems({});
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).toEqual(["server_id: missing", "os-reinstall: missing", "command_id: missing"]);
  });
});

describe("a body of the API", () => {
  it.each([
    ["the first example of the API page", { userid: BODY.userid, mode: "withStopServer" }],
    ["the second example of the API page", BODY],
    ["a user alone", { userid: "test" }],
    ["user data alone", { metadata: { user_data: "IyEK" } }],
    [
      "user data that ends with one sign of padding",
      { metadata: { user_data: "IyEvYmluL3NoCmVjaG8gaGk=" } },
    ],
    ["user data with two signs of padding", { metadata: { user_data: "IyEvYg==" } }],
    ["user data of 32 768 bytes", { metadata: { user_data: base64(MAX_USER_DATA) } }],
    ["empty metadata", { ...BODY, metadata: {} }],
    ["an own licence", { ...BODY, metadata: { BYOL: "true" } }],
    ["an encrypted disk", { ...BODY, metadata: { __system__encrypted: "1" } }],
    [
      "an encrypted disk and its key",
      { ...BODY, metadata: { __system__encrypted: "1", __system__cmkid: "0".repeat(36) } },
    ],
    ["an open disk", { ...BODY, metadata: { __system__encrypted: "0" } }],
  ])("is taken as it is: %s", (_, body) => {
    expect(understood(reinstall(body)).body).toEqual(body);
  });
});

describe("who a command is", () => {
  it("is said by the command", () => {
    const longest = `${"A-z.9_:".repeat(18)}zz`;
    expect(longest).toHaveLength(128);
    expect(understood(command({ command_id: longest })).order.commandId).toBe(longest);
  });

  it("is said by the AMQP message_id where the command does not", () => {
    expect(understood(NAMELESS, { messageId: "m-1" }).order.commandId).toBe("m-1");
  });

  it("is said by the command when both do", () => {
    expect(understood(COMMAND_FIELDS, { messageId: "m-1" }).order.commandId).toBe(COMMAND);
    expect(understood(COMMAND_FIELDS, { messageId: "not valid" }).order.commandId).toBe(COMMAND);
  });

  it("is missing without either", () => {
    expect(problems(NAMELESS)).toEqual(["command_id: missing"]);
  });

  it("is not taken from a message_id that breaks the rule", () => {
    expect(problems(NAMELESS, { messageId: "a b" })).toEqual(["command_id: invalid_format"]);
  });

  it("is kept in the answer when another field is wrong", () => {
    const wrong = command({ server_id: 1, source: "healer", reason: "why" });
    expect(refused(wrong).subject).toEqual({
      commandId: COMMAND,
      projectId: PROJECT,
      serverId: null,
      source: "healer",
      reason: "why",
    });
  });

  it("keeps a foreign project in the answer, and none that is no project", () => {
    const answerFor = (project_id: unknown) => refused(command({ project_id })).subject.projectId;
    expect(answerFor(FOREIGN_PROJECT)).toBe(FOREIGN_PROJECT);
    expect(answerFor("x")).toBeNull();
  });
});

describe("the project of a command", () => {
  it("is the first of ours where the command names none", () => {
    expect(understood(COMMAND_FIELDS).order.projectId).toBe(PROJECT);
  });

  it("may be any of ours, in any case", () => {
    const { order } = understood(command({ project_id: OTHER_PROJECT.toUpperCase() }));
    expect(order.projectId).toBe(OTHER_PROJECT);
  });

  it("is needed where the worker has none", () => {
    const body = Buffer.from(JSON.stringify(COMMAND_FIELDS));
    const rules = { ...INTAKE_RULES, projects: [] };
    const intake = readCommand({ body, contentType: "application/json" }, NOW, rules);
    expect(intake.kind).toBe("refused");
  });
});

describe("a command in a CloudEvent", () => {
  it("has the id of the event, and the data as its fields", () => {
    const { order, body } = understood(event(), CLOUD_EVENT);
    expect(order).toMatchObject({ commandId: COMMAND, serverId: SERVER, projectId: PROJECT });
    expect(body).toEqual(BODY);
  });

  it("has the id of the event, whatever the message_id says", () => {
    expect(understood(event(), { ...CLOUD_EVENT, messageId: "m-1" }).order.commandId).toBe(COMMAND);
  });

  it("may say its id twice", () => {
    expect(understood(event({ data: COMMAND_FIELDS }), CLOUD_EVENT).order.commandId).toBe(COMMAND);
  });

  it("is the same command as without the event", () => {
    const bare = understood(COMMAND_FIELDS).order.contentHash;
    expect(understood(event(), CLOUD_EVENT).order.contentHash).toBe(bare);
  });

  it.each([
    [
      "another id inside",
      event({ data: command({ command_id: "x" }) }),
      "data.command_id: conflict",
    ],
    ["no data", event({ data: undefined }), "data: missing"],
    ["data as a text", event({ data: JSON.stringify(NAMELESS) }), "data: invalid_type"],
    ["data as a list", event({ data: [NAMELESS] }), "data: invalid_type"],
    ["no id", event({ id: undefined }), "id: missing"],
    ["an id that breaks the rule", event({ id: "a/1" }), "id: invalid_format"],
    ["another version", event({ specversion: "0.3" }), "specversion: invalid_value"],
    ["no source", event({ source: undefined }), "source: missing"],
    ["an empty type", event({ type: "" }), "type: too_small"],
    ["XML inside", event({ datacontenttype: "text/xml" }), "datacontenttype: invalid_format"],
    ["no server", event({ data: { "os-reinstall": BODY } }), "data.server_id: missing"],
    [
      "a project of others",
      event({ data: { ...NAMELESS, project_id: FOREIGN_PROJECT } }),
      "data.project_id: not-allowed",
    ],
    [
      "a password",
      event({ data: { ...NAMELESS, "os-reinstall": { ...BODY, adminpass: "x" } } }),
      "data.os-reinstall.adminpass: adminpass-refused",
    ],
  ])("is refused with %s", (_, value, problem) => {
    expect(problems(value, CLOUD_EVENT)).toEqual([problem]);
  });

  it("is answered under its own id, whatever else is wrong", () => {
    const twoNames = event({ data: command({ command_id: "x" }) });
    expect(refused(twoNames, CLOUD_EVENT).subject.commandId).toBe(COMMAND);
    const broken = event({ data: undefined, specversion: "0.3" });
    expect(refused(broken, CLOUD_EVENT).subject.commandId).toBe(COMMAND);
    expect(refused(event({ data: {} }), CLOUD_EVENT).subject.commandId).toBe(COMMAND);
  });

  it("is not a plain command", () => {
    expect(problems(event())).toEqual(["content_type: unsupported"]);
    expect(problems(COMMAND_FIELDS, CLOUD_EVENT)).toContain("content_type: unsupported");
    expect(problems(COMMAND_FIELDS, CLOUD_EVENT)).toContain("data: missing");
  });

  it.each([
    "application/json",
    "application/vnd.reinstall+json",
    "application/json; charset=utf-8",
  ])("may call its data %s", (datacontenttype) => {
    expect(understood(event({ datacontenttype }), CLOUD_EVENT).order.commandId).toBe(COMMAND);
  });
});

describe("what a command says beside its body", () => {
  it("is complete with nothing but a server and a body", () => {
    expect(understood(COMMAND_FIELDS).order).toEqual({
      commandId: COMMAND,
      projectId: PROJECT,
      serverId: SERVER,
      contentHash: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
      wishHash: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
      onBusy: "join",
      dryRun: false,
      expiresAtMs: NOW + 24 * HOUR,
      expiresBy: "age-since-arrival",
      receivedAtMs: NOW,
    });
  });

  it.each(["join", "wait", "reject"])("on_busy may be %s", (on_busy) => {
    expect(understood(command({ on_busy })).order.onBusy).toBe(on_busy);
  });

  it("is copied to the order", () => {
    const said = { source: "s".repeat(200), reason: "r".repeat(1_000), dry_run: true };
    const { order } = understood(command({ ...said, expected_system_disk: DISK }));
    expect(order).toMatchObject({
      source: said.source,
      reason: said.reason,
      dryRun: true,
      expectedSystemDisk: DISK,
    });
  });

  it("has the server in lower case", () => {
    expect(understood(command({ server_id: SERVER.toUpperCase() })).order.serverId).toBe(SERVER);
  });

  it.each([
    ["2026-11-23T15:00:00Z", NOW],
    ["2026-11-23T15:00:00.250Z", NOW + 250],
    ["2026-11-23T16:00:00+01:00", NOW],
    ["2026-11-23T12:30:00-02:30", NOW],
    ["2026-11-23T15:00:00.000000001Z", NOW],
    ["2000-01-01T00:00:00Z", 946_684_800_000],
    ["9999-12-31T23:59:59Z", 253_402_300_799_000],
  ])("has the instant %s at %i", (text, ms) => {
    const { order } = understood(command({ expires_at: text, observed_at: text }));
    expect([order.expiresAtMs, order.observedAtMs]).toEqual([ms, ms]);
  });

  it("is too old a day after it was sent", () => {
    const { order } = understood(COMMAND_FIELDS, { timestampMs: NOW - HOUR });
    expect(order.expiresAtMs).toBe(NOW + 23 * HOUR);
  });

  it.each([
    ["a minute ahead", NOW + MINUTE],
    ["in milliseconds", NOW * 1_000],
    ["in microseconds", NOW * 1_000_000],
  ])("is too old a day after it came when its timestamp is %s", (_, timestampMs) => {
    const { order } = understood(COMMAND_FIELDS, { timestampMs });
    expect(order.expiresAtMs).toBe(NOW + 24 * HOUR);
  });

  it("has its own expiry, whatever the timestamp", () => {
    const value = command({ expires_at: "2026-11-23T15:00:00Z" });
    expect(understood(value, { timestampMs: 0 }).order.expiresAtMs).toBe(NOW);
  });

  it("has the address of the answer and the trace", () => {
    const properties = {
      replyTo: "answers",
      correlationId: "c-1",
      traceparent: "00-aa-bb-01",
      tracestate: "k=v",
    };
    const addressed = {
      replyTo: { queue: "answers", correlationId: "c-1" },
      trace: { traceparent: "00-aa-bb-01", tracestate: "k=v" },
    };
    expect(understood(COMMAND_FIELDS, properties).order).toMatchObject(addressed);
    expect(refused("{", properties).subject).toMatchObject(addressed);
  });

  it("has no trace without a traceparent, and no address without reply_to", () => {
    const { order } = understood(COMMAND_FIELDS, { tracestate: "k=v", correlationId: "c-1" });
    expect(order).not.toHaveProperty("trace");
    expect(order).not.toHaveProperty("replyTo");
  });
});

describe("fields that nobody reads", () => {
  it.each([
    [0, COMMAND_FIELDS],
    [1, command({ ttl: 5 })],
    [2, command({ ttl: 5, deadline: "2026-11-23T15:00:00Z" })],
    [1, reinstall({ ...BODY, root_pass: "x" })],
    [1, metadata({ user: "x" })],
    [3, { ...metadata({ user: "x", BYOL: "true" }), a: { b: 1, c: 2 }, d: null }],
  ])("are counted: %i", (count, value) => {
    expect(understood(value).unknownFields).toBe(count);
  });

  it("never reach the cloud", () => {
    const { body } = understood(
      reinstall({ ...BODY, imageid: "x", metadata: { BYOL: "true", root: "x" } }),
    );
    expect(body).toEqual({ ...BODY, metadata: { BYOL: "true" } });
  });

  it("are counted inside the data of a CloudEvent only", () => {
    const extended = event({ partitionkey: "p", data: { ...NAMELESS, extra: 1 } });
    expect(understood(extended, CLOUD_EVENT).unknownFields).toBe(1);
  });
});
