import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readCommand } from "../../../../src/core/intake/intake.ts";
import { notesData } from "../../../../src/core/intake/notes.ts";
import type { RawCommand } from "../../../../src/core/intake/reading/raw-command.ts";
import {
  BODY,
  COMMAND,
  DISK,
  HOUR,
  INTAKE_RULES,
  MINUTE,
  NOW,
  PROJECT,
  SERVER,
} from "../builders.ts";

const RULES = { ...INTAKE_RULES, projects: [PROJECT] };
const FIELDS = { command_id: COMMAND, server_id: SERVER, "os-reinstall": BODY };
const { command_id: _id, ...NAMELESS } = FIELDS;
const EVENT = { specversion: "1.0", id: COMMAND, source: "/healer", type: "reinstall" };

function take(value: unknown, properties: Partial<RawCommand> = {}) {
  const body = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
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

const named = (value: unknown, properties?: Partial<RawCommand>) =>
  refused(value, properties).problems.map(({ path, code }) => `${path}: ${code}`);
const notes = (value: unknown, properties?: Partial<RawCommand>) =>
  notesData(understood(value, properties).notes);
const metadata = (members: unknown) => ({ "os-reinstall": { ...BODY, metadata: members } });

describe("a field that holds the command back, in the wrong object", () => {
  it.each(["dry_run", "dryRun", "expires_at", "not_before", "observed_at", "on_busy"])(
    "is refused rather than ignored: %s",
    (name) => {
      const inner = { ...FIELDS, "os-reinstall": { ...BODY, [name]: true } };
      expect(named(inner)).toEqual([`os-reinstall.${name}: misplaced`]);
      const deeper = { ...FIELDS, ...metadata({ [name]: true }) };
      expect(named(deeper)).toEqual([`os-reinstall.metadata.${name}: misplaced`]);
    },
  );

  it.each(["dry_run", "dryrun", "expected_system_disk"])(
    "beside a CloudEvent's data: %s",
    (name) => {
      const event = { ...EVENT, data: NAMELESS, [name]: true };
      expect(named(event, { contentType: "application/cloudevents+json" })).toEqual([
        `${name}: misplaced`,
      ]);
    },
  );

  it("is no such field where it only describes: source, reason, group", () => {
    const event = { ...EVENT, data: NAMELESS, group: "web", reason: "r" };
    understood(event, { contentType: "application/cloudevents+json" });
  });
});

describe("a field that decides how the server comes back, in the wrong object", () => {
  const DATA = Buffer.from("#!/bin/sh\n").toString("base64");

  it.each([
    ["user_data", "os-reinstall.metadata"],
    ["userData", "os-reinstall.metadata"],
    ["BYOL", "os-reinstall.metadata"],
    ["__system__encrypted", "os-reinstall.metadata"],
    ["__system__cmkid", "os-reinstall.metadata"],
  ])("is refused rather than ignored: %s", (name, home) => {
    const beside = { ...FIELDS, [name]: DATA };
    expect(named(beside)).toEqual([`${name}: misplaced`]);
    expect(refused(beside).problems[0]?.message).toMatch(new RegExp(`belongs into ${home}$`));
    const inner = { ...FIELDS, "os-reinstall": { ...BODY, [name]: DATA } };
    expect(named(inner)).toEqual([`os-reinstall.${name}: misplaced`]);
    const stray = { ...FIELDS, metadata: { [name]: DATA } };
    expect(named(stray)).toEqual([`metadata.${name}: misplaced`]);
    const event = { ...EVENT, data: { ...NAMELESS, metadata: { [name]: DATA } } };
    expect(named(event, { contentType: "application/cloudevents+json" })).toEqual([
      `data.metadata.${name}: misplaced`,
    ]);
  });

  it("is refused rather than ignored: keyname", () => {
    const { keyname: _keyname, ...rest } = { ...BODY, keyname: "k" };
    const login = { ...FIELDS, "os-reinstall": { ...rest, userid: "u" } };
    expect(named({ ...login, keyname: "k" })).toEqual(["keyname: misplaced"]);
    expect(named({ ...login, key_name: "k" })).toEqual(["key_name: misplaced"]);
    expect(named({ ...FIELDS, ...metadata({ keyname: "k" }) })).toEqual([
      "os-reinstall.metadata.keyname: misplaced",
    ]);
  });

  it("is a password: refused wherever it stands", () => {
    const password = { adminPass: "Planted-1" };
    for (const [value, path] of [
      [{ ...FIELDS, ...password }, "adminPass"],
      [{ ...FIELDS, metadata: password }, "metadata.adminPass"],
      [{ ...FIELDS, ...metadata(password) }, "os-reinstall.metadata.adminPass"],
    ] as const) {
      expect(named(value)).toEqual([`${path}: adminpass-refused`]);
      expect(JSON.stringify(refused(value))).not.toContain("Planted-1");
    }
  });

  it("is none of these where it is the emitter's own: mode, userid, a metadata of other names", () => {
    const own = { mode: "nightly", userid: "u-1", metadata: { ticket: "OPS-1", mode: "x" } };
    expect(notes({ ...FIELDS, ...own })).toEqual({ unknown_fields: Object.keys(own) });
  });
});

describe("null in an optional field", () => {
  const OPTIONAL = {
    project_id: null,
    expected_system_disk: null,
    on_busy: null,
    expires_at: null,
    observed_at: null,
    not_before: null,
    group: null,
    override: null,
    source: null,
    reason: null,
    dry_run: null,
  };
  const INNER = {
    user_data: null,
    BYOL: null,
    __system__encrypted: null,
    __system__cmkid: null,
  };

  it("is absence, and is named", () => {
    const bare = understood(FIELDS).order;
    expect(understood({ ...FIELDS, ...OPTIONAL }).order).toEqual(bare);
    expect(notes({ ...FIELDS, ...OPTIONAL })).toEqual({ null_fields: Object.keys(OPTIONAL) });
  });

  it("is absence inside os-reinstall and its metadata", () => {
    const said = { ...BODY, mode: null, adminpass: null, metadata: INNER };
    const intake = understood({ ...FIELDS, "os-reinstall": said });
    expect(intake.body).toEqual({ ...BODY, metadata: {} });
    expect(notesData(intake.notes)).toEqual({
      null_fields: [
        "os-reinstall.mode",
        "os-reinstall.adminpass",
        ...Object.keys(INNER).map((name) => `os-reinstall.metadata.${name}`),
      ],
    });
    expect(understood({ ...FIELDS, "os-reinstall": { ...BODY, metadata: null } }).body).toEqual(
      BODY,
    );
  });

  it("as the id leaves the message_id, and in the parts of a CloudEvent it is absence too", () => {
    const { order } = understood({ ...FIELDS, command_id: null }, { messageId: "m-1" });
    expect(order.commandId).toBe("m-1");
    const event = {
      ...EVENT,
      datacontenttype: null,
      subject: null,
      data: { ...NAMELESS, source: null },
    };
    expect(notes(event, { contentType: "application/cloudevents+json" })).toEqual({
      null_fields: ["source"],
    });
  });

  it.each([
    [{ server_id: null }, "server_id"],
    [{ "os-reinstall": null }, "os-reinstall"],
    [{ command_id: null }, "command_id"],
  ])("is needed in a needed field: %j", (changed, path) => {
    const [problem] = refused({ ...FIELDS, ...changed }).problems;
    expect(problem).toMatchObject({ path, code: "missing" });
    expect(problem?.message).toMatch(/^is needed/);
  });

  it.each([{ keyname: null }, { metadata: { user_data: null } }, { userid: null, mode: null }])(
    "alone is no login: %j",
    (body) => {
      expect(named({ ...FIELDS, "os-reinstall": body })).toEqual(["os-reinstall: no-login"]);
    },
  );

  it("in a field that nobody reads is an unknown field", () => {
    expect(notes({ ...FIELDS, ttl: null })).toEqual({ unknown_fields: ["ttl"] });
  });
});

describe("a time that was never set", () => {
  it.each(["0001-01-01T00:00:00Z", "0001-01-01T00:00:00"])(
    "is absence, and is named: %s",
    (zero) => {
      const times = { expires_at: zero, observed_at: zero, not_before: zero };
      expect(understood({ ...FIELDS, ...times }).order).toEqual(understood(FIELDS).order);
      expect(notes({ ...FIELDS, ...times })).toEqual({ unset_times: Object.keys(times) });
    },
  );

  it.each(["expires_at", "observed_at", "not_before"])("before 2000 is refused: %s", (field) => {
    const epoch = refused({ ...FIELDS, [field]: "1970-01-01T00:00:00Z" }).problems;
    expect(epoch).toMatchObject([{ path: field, code: "implausible" }]);
    expect(epoch[0]?.message).toContain("before the year 2000");
  });

  it("at the end of time is the emitter's never", () => {
    const { order } = understood({ ...FIELDS, expires_at: "9999-12-31T23:59:59.9999999Z" });
    expect(new Date(order.expiresAtMs).toISOString()).toBe("9999-12-31T23:59:59.999Z");
  });
});

describe("the AMQP timestamp", () => {
  it.each([
    [0, "before-2020"],
    [-5_000, "before-2020"],
    [Number.NaN, "before-2020"],
    [Date.UTC(2019, 11, 31), "before-2020"],
    [NOW * 1_000, "in-the-future"],
    [NOW * 1_000_000, "in-the-future"],
    [NOW + HOUR, "in-the-future"],
  ])("that cannot be counts as absent, and is said: %d", (timestampMs, why) => {
    const { order } = understood(FIELDS, { timestampMs });
    expect(order).toMatchObject({
      expiresAtMs: NOW + 24 * HOUR,
      expiresBy: "age-since-arrival",
    });
    expect(notes(FIELDS, { timestampMs })).toEqual({ ignored_timestamp: why });
  });

  it.each([
    [NOW - HOUR, NOW + 23 * HOUR],
    [NOW - 90 * 24 * HOUR, NOW - 89 * 24 * HOUR],
    [NOW + MINUTE, NOW + 24 * HOUR],
  ])("says how old a command is otherwise: %d", (timestampMs, expiresAtMs) => {
    const { order } = understood(FIELDS, { timestampMs });
    expect(order).toMatchObject({ expiresAtMs, expiresBy: "age-since-timestamp" });
    expect(notes(FIELDS, { timestampMs })).toEqual({});
  });

  it("is not asked where the command says its expiry, or when it may begin", () => {
    const own = understood({ ...FIELDS, expires_at: "2026-11-24T00:00:00Z" }, { timestampMs: 0 });
    expect(own.order.expiresBy).toBe("expires_at");
    const later = understood({ ...FIELDS, not_before: "2026-11-24T00:00:00Z" }, { timestampMs: 0 });
    expect(later.order.expiresBy).toBe("age-since-not-before");
  });
});

describe("a name that is a known one but for its spelling", () => {
  it.each([
    [{ dryRun: true }, "dryRun", "dry_run"],
    [{ DRY_RUN: true }, "DRY_RUN", "dry_run"],
    [{ "dry-run": true }, "dry-run", "dry_run"],
    [{ dryrun: false }, "dryrun", "dry_run"],
    [{ "not-before": "2026-11-24T00:00:00Z" }, "not-before", "not_before"],
    [{ ExpiresAt: null }, "ExpiresAt", "expires_at"],
    [{ observedAt: "x" }, "observedAt", "observed_at"],
    [{ onBusy: "reject" }, "onBusy", "on_busy"],
    [{ expectedSystemDisk: DISK }, "expectedSystemDisk", "expected_system_disk"],
    [{ Group: "g" }, "Group", "group"],
    [{ OVERRIDE: [] }, "OVERRIDE", "override"],
    [{ os_reinstall: {} }, "os_reinstall", "os-reinstall"],
    [{ "os-reinstall": { ...BODY, keyName: "k" } }, "os-reinstall.keyName", "keyname"],
    [{ "os-reinstall": { ...BODY, user_id: "k" } }, "os-reinstall.user_id", "userid"],
    [metadata({ userData: "x" }), "os-reinstall.metadata.userData", "user_data"],
    [metadata({ userdata: "x" }), "os-reinstall.metadata.userdata", "user_data"],
    [metadata({ byol: "true" }), "os-reinstall.metadata.byol", "BYOL"],
  ])("is refused: %j", (changed, path, wanted) => {
    expect(refused({ ...FIELDS, ...changed }).problems).toEqual([
      { path, code: "misspelt", message: `must be written ${wanted}` },
    ]);
  });

  it("is refused beside the field that it means, and where that one is missing", () => {
    expect(named({ ...FIELDS, dry_run: false, dryRun: true })).toEqual(["dryRun: misspelt"]);
    const { server_id: _server, ...serverless } = FIELDS;
    expect(named({ ...serverless, serverId: SERVER })).toEqual([
      "server_id: missing",
      "serverId: misspelt",
    ]);
  });

  it("is refused inside a CloudEvent, with its path", () => {
    const event = { ...EVENT, data: { ...NAMELESS, dryRun: true, ...metadata({ userData: "x" }) } };
    expect(named(event, { contentType: "application/cloudevents+json" })).toEqual([
      "data.dryRun: misspelt",
      "data.os-reinstall.metadata.userData: misspelt",
    ]);
  });

  it.each(["adminPass", "admin_pass", "ADMINPASS"])("is a password's too: %s", (key) => {
    const { problems, copy } = refused({
      ...FIELDS,
      "os-reinstall": { ...BODY, [key]: "s3cr3t-s3cr3t" },
    });
    expect(problems[0]?.message).toContain("a password does not belong in a message");
    expect(JSON.stringify([problems, copy])).not.toContain("s3cr3t");
  });

  it("is not one that differs in more: that is ignored, and named", () => {
    const value = { ...FIELDS, dry: true, ...metadata({ user: "x" }) };
    expect(notes(value)).toEqual({ unknown_fields: ["dry", "os-reinstall.metadata.user"] });
  });
});

describe("the names of fields that nobody reads", () => {
  it("are told up to a number, and none that may be a secret", () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`x${n}`, n]));
    const names = notes({ ...FIELDS, ["k".repeat(65)]: 1, ...many })["unknown_fields"] as string[];
    expect(names).toHaveLength(21);
    expect(names[0]).toMatch(/^\(name of 65 characters, sha256 [0-9a-f]{8}…\)$/);
    expect(names.at(-1)).toBe("… and 11 more");
  });

  it("are bounded in the path of a problem too", () => {
    const [problem] = refused({ ["s".repeat(90)]: { constructor: 1 } }).problems;
    expect(problem?.path).toMatch(/^\(name of 90 .*\)\.constructor$/);
  });
});

describe("a compressed message", () => {
  const bytes = Buffer.from(JSON.stringify(FIELDS));
  const zstd = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00]);

  it.each<[string, Buffer, Partial<RawCommand>, string]>([
    ["kombu, zlib", deflateSync(bytes), { headers: { compression: "application/x-gzip" } }, ""],
    ["zlib, fast", deflateSync(bytes, { level: 1 }), {}, ""],
    ["zlib, best", deflateSync(bytes, { level: 9 }), {}, ""],
    ["gzip, said", gzipSync(bytes), { contentEncoding: "gzip" }, ""],
    ["gzip, not said", gzipSync(bytes), {}, ""],
    ["gzip as text", gzipSync(bytes), { contentType: "text/plain" }, ""],
    ["zstd, not said", zstd, {}, ""],
    ["zstd, said", zstd, { contentEncoding: "zstd" }, ""],
    ["bzip2", Buffer.from("BZh91AY&SY"), {}, ""],
    ["brotli", brotliCompressSync(bytes), { contentEncoding: "br" }, "content_encoding"],
    [
      "brotli by kombu",
      brotliCompressSync(bytes),
      { headers: { compression: "application/x-brotli" } },
      "headers.compression",
    ],
    ["deflate, said of JSON", bytes, { contentEncoding: "deflate" }, "content_encoding"],
    [
      "a header on JSON",
      bytes,
      { headers: { compression: "application/zstd" } },
      "headers.compression",
    ],
  ])("is called compressed, and told what to do: %s", (_, body, properties, path) => {
    const [problem, ...more] = refused(body, properties).problems;
    expect(more).toEqual([]);
    expect(problem?.path).toBe(path);
    expect(problem?.message).toContain("compressed messages are not read: send the JSON as it is");
  });

  it("is not any text that is no JSON", () => {
    expect(named(Buffer.from("xyz"))).toEqual([": not-json"]);
    expect(named(Buffer.from("hello"))).toEqual([": not-json"]);
    expect(notes(FIELDS, { headers: { compression: "" } })).toEqual({});
  });
});

describe("a reply_to", () => {
  it("of the worker's own queues is refused, and answered nowhere", () => {
    const { problems, subject } = refused(FIELDS, { replyTo: "ecs.reinstall.commands" });
    expect(problems).toMatchObject([{ path: "reply_to", code: "own-queue" }]);
    expect(subject).not.toHaveProperty("replyTo");
  });

  it("of anybody else's is taken", () => {
    expect(understood(FIELDS, { replyTo: "answers" }).order.replyTo).toEqual({ queue: "answers" });
  });
});

describe("ids in upper case", () => {
  it("are stored in lower case", () => {
    const { order } = understood({
      ...FIELDS,
      project_id: PROJECT.toUpperCase(),
      server_id: SERVER.toUpperCase(),
      expected_system_disk: DISK.toUpperCase(),
    });
    expect(order).toMatchObject({
      projectId: PROJECT,
      serverId: SERVER,
      expectedSystemDisk: DISK,
    });
  });
});

describe("the message of a problem", () => {
  const WRONG = [null, 7, true, "", "\u0000", "x".repeat(40_000), [], [1], {}, { a: 1 }];
  const TOP = ["command_id", "project_id", "server_id", "os-reinstall", "expected_system_disk"]
    .concat(["on_busy", "expires_at", "observed_at", "not_before", "group", "override"])
    .concat(["source", "reason", "dry_run"]);
  const INNER = ["keyname", "userid", "mode", "metadata", "adminpass"];
  const META = ["user_data", "BYOL", "__system__encrypted", "__system__cmkid"];
  const ATTRIBUTES = ["specversion", "id", "source", "type", "datacontenttype", "data"];
  const EVENT_TYPE = { contentType: "application/cloudevents+json" };

  it.each([
    ...TOP.map((key) => [key, (wrong: unknown) => take({ ...FIELDS, [key]: wrong })] as const),
    ...INNER.map(
      (key) =>
        [
          key,
          (wrong: unknown) => take({ ...FIELDS, "os-reinstall": { ...BODY, [key]: wrong } }),
        ] as const,
    ),
    ...META.map(
      (key) =>
        [key, (wrong: unknown) => take({ ...FIELDS, ...metadata({ [key]: wrong }) })] as const,
    ),
    ...ATTRIBUTES.map(
      (key) =>
        [
          `event ${key}`,
          (wrong: unknown) => take({ ...EVENT, data: NAMELESS, [key]: wrong }, EVENT_TYPE),
        ] as const,
    ),
    ...ATTRIBUTES.slice(0, 4).map(
      (key) =>
        [
          `header ${key}`,
          (wrong: unknown) =>
            take(NAMELESS, { headers: { ...headers(), [`cloudEvents:${key}`]: wrong } }),
        ] as const,
    ),
    ["whole", (wrong: unknown) => take(wrong)] as const,
  ])("is a plain sentence that names the rule: %s", (_, message) => {
    for (const wrong of WRONG) {
      const intake = message(wrong);
      for (const problem of intake.kind === "refused" ? intake.problems : []) {
        expect(problem.message).toMatch(/^(must|is|has|lies|needs|names) /);
        expect(problem.message).not.toMatch(
          /Invalid|expected|received|Too (big|small)|Unrecognized/,
        );
      }
    }
  });

  function headers() {
    return Object.fromEntries(Object.entries(EVENT).map(([k, v]) => [`cloudEvents:${k}`, v]));
  }
});
