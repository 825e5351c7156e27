import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readCommand } from "../../../../src/core/intake/intake.ts";
import type { RawCommand } from "../../../../src/core/intake/reading/raw-command.ts";
import { createRefuse } from "../../../../src/steps/refuse.ts";
import { fakeClock } from "../../steps/fakes.ts";
import { BODY, COMMAND, FOREIGN_PROJECT, INTAKE_RULES, NOW, PROJECT, SERVER } from "../builders.ts";

const RULES = { ...INTAKE_RULES, projects: [PROJECT] };

function take(value: unknown, properties: Partial<RawCommand> = {}) {
  const body = Buffer.from(JSON.stringify(value));
  return readCommand({ body, contentType: "application/json", ...properties }, NOW, RULES);
}

/** A value that keeps a rule and one that breaks it, side by side; the rule itself is told by `keeps`. */
const wrongType = fc.constantFrom(null, 0, 1.5, true, [], {}, ["x"], { x: 1 });
const sometimes = <T>(good: fc.Arbitrary<T>, ...bad: fc.Arbitrary<unknown>[]) =>
  fc.oneof({ weight: 25, arbitrary: good }, { weight: 1, arbitrary: wrongType }, ...bad);

const script = fc.oneof(
  { weight: 17, arbitrary: fc.string({ maxLength: 64 }).map((text) => `#!${text}`) },
  { weight: 2, arbitrary: fc.integer({ min: 32_766, max: 32_771 }).map((n) => "#!".padEnd(n)) },
  { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 64 }).map((text) => `x${text}`) },
);
const anyMetadata = fc.record(
  {
    user_data: sometimes(
      script.map((text) => Buffer.from(text).toString("base64")),
      fc.string(),
      fc.constant("Cg"),
    ),
    BYOL: sometimes(fc.constant("true"), fc.constant("false")),
    __system__encrypted: sometimes(fc.constantFrom("0", "1"), fc.constant("yes")),
    __system__cmkid: sometimes(fc.constant("0".repeat(36)), fc.string({ maxLength: 40 })),
    surprise: fc.string(),
  },
  { requiredKeys: [] },
);
const anyReinstall = fc.record(
  {
    keyname: sometimes(fc.string({ minLength: 1, maxLength: 30 }), fc.constant("")),
    userid: sometimes(fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/), fc.constant("a b")),
    mode: sometimes(fc.constant("withStopServer"), fc.string()),
    metadata: sometimes(anyMetadata),
    adminpass: fc.constantFrom("x", null, ""),
    surprise: fc.anything({ maxDepth: 1 }).map(() => 1),
  },
  { requiredKeys: [] },
);
/** `adminpass` on purpose in few of them, or hardly a body would be left. */
const mostlyClean = anyReinstall.chain((body) =>
  fc.integer({ min: 0, max: 9 }).map((dice) => {
    const { adminpass: _refused, ...clean } = body;
    return dice === 0 ? body : clean;
  }),
);
const instant = fc
  .date({
    min: new Date("2000-01-01T00:00:00Z"),
    max: new Date("9999-12-31T23:59:59Z"),
    noInvalidDate: true,
  })
  .map((date) => date.toISOString());
const anyCommand = fc.record(
  {
    command_id: sometimes(fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/), fc.constant("a/1")),
    project_id: sometimes(
      fc.constantFrom(PROJECT, PROJECT.toUpperCase()),
      fc.constantFrom(FOREIGN_PROJECT, "x"),
    ),
    server_id: sometimes(fc.uuid(), fc.string()),
    "os-reinstall": sometimes(mostlyClean),
    expected_system_disk: sometimes(fc.string({ minLength: 1, maxLength: 130 })),
    on_busy: sometimes(fc.constantFrom("join", "wait", "reject"), fc.constant("steal")),
    expires_at: sometimes(instant, fc.constant("soon")),
    observed_at: sometimes(instant, fc.constant("2026-13-01T00:00:00Z")),
    source: sometimes(fc.string({ maxLength: 210 })),
    reason: sometimes(fc.string({ maxLength: 50 })),
    dry_run: sometimes(fc.boolean(), fc.constant("false")),
    surprise: fc.string(),
  },
  { requiredKeys: ["server_id", "os-reinstall"] },
);

/** Contract §2 and the cloud's rules once more, in other words than the schema's. */
function breaks(value: Record<string, unknown>, messageId: string | undefined): boolean {
  const text = (v: unknown, most: number, least = 0) =>
    typeof v === "string" && v.length >= least && v.length <= most;
  // What serialisers write for a field that is not set.
  const absent = (v: unknown) => v === undefined || v === null;
  const id = (v: unknown) => typeof v === "string" && /^[\w.:-]{1,128}$/.test(v);
  const time = (v: unknown) =>
    typeof v === "string" && /T.*Z$/.test(v) && !Number.isNaN(Date.parse(v));
  const asText = (v: unknown) => (typeof v === "string" ? v : "");
  const body = value["os-reinstall"];
  if (!(absent(value["command_id"]) ? id(messageId) : id(value["command_id"]))) return true;
  const project = value["project_id"];
  if (!absent(project) && JSON.stringify(project).toLowerCase() !== `"${PROJECT}"`) return true;
  if (
    !/^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i.test(asText(value["server_id"]))
  )
    return true;
  if (!absent(value["expected_system_disk"]) && !text(value["expected_system_disk"], 128, 1))
    return true;
  if (![undefined, null, "join", "wait", "reject"].includes(value["on_busy"] as string))
    return true;
  if (!absent(value["expires_at"]) && !time(value["expires_at"])) return true;
  if (!absent(value["observed_at"]) && !time(value["observed_at"])) return true;
  if (!absent(value["source"]) && !text(value["source"], 200)) return true;
  if (!absent(value["reason"]) && !text(value["reason"], 1_000)) return true;
  if (![undefined, null, true, false].includes(value["dry_run"] as boolean)) return true;
  if (typeof body !== "object" || body === null || Array.isArray(body)) return true;
  return breaksCloudRule(body as Record<string, unknown>);
}

const withoutNulls = (object: object) =>
  Object.fromEntries(Object.entries(object).filter(([, member]) => member !== null));

function breaksCloudRule(said: Record<string, unknown>): boolean {
  const body = withoutNulls(said);
  const { keyname, userid, mode, metadata } = body;
  if ("adminpass" in body) return true;
  if (keyname !== undefined && (typeof keyname !== "string" || keyname === "")) return true;
  if (userid !== undefined && !(typeof userid === "string" && /^[\w-]{1,64}$/.test(userid)))
    return true;
  if (keyname !== undefined && userid === undefined) return true;
  if (mode !== undefined && mode !== "withStopServer") return true;
  if (metadata === undefined) return userid === undefined;
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) return true;
  const m: Record<string, unknown> = withoutNulls(metadata);
  const data = m["user_data"];
  if (data !== undefined) {
    if (typeof data !== "string" || data === "") return true;
    const decoded = Buffer.from(data, "base64");
    if (decoded.toString("base64") !== data || decoded.byteLength > 32_768) return true;
    if (!decoded.toString("utf8").startsWith("#!")) return true;
  }
  if (m["BYOL"] !== undefined && m["BYOL"] !== "true") return true;
  const encrypted = m["__system__encrypted"];
  if (encrypted !== undefined && encrypted !== "0" && encrypted !== "1") return true;
  const key = m["__system__cmkid"];
  if (key !== undefined && !(typeof key === "string" && key.length === 36 && encrypted === "1"))
    return true;
  return userid === undefined && data === undefined;
}

const anyText = fc.oneof(
  fc.string(),
  fc.constantFrom("application/json", "application/cloudevents+json", "utf-8", COMMAND),
);
const anyProperties = fc.record(
  {
    contentType: anyText,
    contentEncoding: anyText,
    messageId: anyText,
    timestampMs: fc.oneof(fc.integer(), fc.double({ min: 0, max: 2e22, noNaN: true })),
    replyTo: fc.string(),
    correlationId: fc.string(),
    traceparent: fc.string(),
    tracestate: fc.string(),
  },
  { requiredKeys: [] },
);

describe("reading a message of the command queue", () => {
  it("never throws, whatever the bytes and properties", () => {
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b)),
      fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
      fc.json().map((text) => Buffer.from(text)),
      fc.jsonValue().map((data) => Buffer.from(JSON.stringify({ ...BODY, data }))),
      anyCommand.map((value) => Buffer.from(JSON.stringify(value))),
    );
    fc.assert(
      fc.property(anyBytes, anyProperties, (body, properties) => {
        const intake = readCommand({ body, ...properties }, NOW, RULES);
        if (intake.kind === "refused") {
          expect(intake.problems.length).toBeGreaterThan(0);
          expect(intake.subject.commandId).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
        } else {
          // What is shown to people can be shown.
          expect(new Date(intake.order.expiresAtMs).toISOString()).not.toBe("");
        }
      }),
      { numRuns: 200 },
    );
  });

  it("understands a command if, and only if, it breaks no rule", () => {
    let taken = 0;
    let turnedAway = 0;
    fc.assert(
      fc.property(
        anyCommand,
        fc.option(fc.constantFrom(COMMAND, "a b"), { nil: undefined }),
        (value, messageId) => {
          const expected = breaks(value, messageId) ? "refused" : "understood";
          expect(take(value, { messageId }).kind).toBe(expected);
          if (expected === "understood") taken++;
          else turnedAway++;
        },
      ),
      { numRuns: 1_000 },
    );
    // The property says nothing where one side is empty.
    expect(taken).toBeGreaterThan(20);
    expect(turnedAway).toBeGreaterThan(20);
  });

  it("gives one content one hash, whatever the order of its keys", () => {
    const goodCommand = fc.record(
      {
        command_id: fc.constant(COMMAND),
        server_id: fc.constant(SERVER),
        "os-reinstall": fc.record(
          {
            keyname: fc.string({ minLength: 1, maxLength: 20 }),
            userid: fc.constant("u"),
            mode: fc.constant("withStopServer"),
            metadata: fc.record(
              { user_data: fc.constant("IyEK"), BYOL: fc.constant("true") },
              { requiredKeys: [] },
            ),
          },
          { requiredKeys: ["userid"] },
        ),
        on_busy: fc.constantFrom("join", "wait"),
        source: fc.string({ maxLength: 20 }),
        reason: fc.string({ maxLength: 20 }),
        expires_at: instant,
        surprise: fc.string(),
      },
      { requiredKeys: ["command_id", "server_id", "os-reinstall"] },
    );
    const dice = fc.array(fc.nat(), { minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(goodCommand, dice, (value, rolls) => {
        let roll = 0;
        const shuffled = shuffle(value, () => rolls[roll++ % rolls.length] ?? 0);
        const [one, other] = [take(value), take(shuffled)];
        if (one.kind !== "understood" || other.kind !== "understood") throw new Error("refused");
        expect(other.order.contentHash).toBe(one.order.contentHash);
        expect(other.order.wishHash).toBe(one.order.wishHash);
      }),
    );
  });
});

/** The same JSON with the keys of every object in another order. */
function shuffle(value: unknown, dice: () => number): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const members = Object.entries(value).map(
    ([key, member]) => [dice(), key, shuffle(member, dice)] as const,
  );
  return Object.fromEntries(members.toSorted(([a], [b]) => a - b).map(([, k, v]) => [k, v]));
}

const SECRET = "PLANTED-s3cr3t";

describe("what is kept of a refused command", () => {
  const secretName = fc.constantFrom(
    "adminpass",
    "adminPass",
    "admin_pass",
    "password",
    "passwd",
    "user_data",
    "userdata",
    "user-data",
    "token",
    "root_password",
    "imageid",
  );
  const planted = fc.oneof(
    fc.constant(SECRET),
    fc.constant([SECRET]),
    fc.constant({ value: SECRET }),
    fc.constant({ mode: SECRET }),
    fc.constant(JSON.stringify({ adminpass: SECRET })),
  );
  const somewhere = fc.tuple(secretName, planted).map(([name, value]) => ({ [name]: value }));

  /** The places of a command where objects are, each with a secret in it, and whole commands in quotes. */
  const messages = somewhere.chain((secret) =>
    fc.constantFrom<unknown>(
      { ...secret },
      { server_id: SERVER, "os-reinstall": BODY, ...secret, on_busy: "steal" },
      { server_id: 1, "os-reinstall": { ...BODY, ...secret } },
      { server_id: 1, "os-reinstall": { ...BODY, metadata: { ...secret } } },
      { server_id: 1, "os-reinstall": { ...BODY, metadata: { deeper: { ...secret } } } },
      { server_id: SERVER, "os-reinstall": JSON.stringify({ ...BODY, ...secret }) },
      { server_id: SERVER, "os-reinstall": [{ ...secret }] },
      { server_id: 1, "os-reinstall": { ...BODY, metadata: JSON.stringify(secret) } },
      { server_id: 1, source: { ...secret }, reason: [{ ...secret }], data: { ...secret } },
      { specversion: "1.0", id: COMMAND, source: "x", type: "y", data: JSON.stringify(secret) },
      { specversion: "1.0", id: COMMAND, source: "x", type: "y", data: { ...secret } },
      { specversion: "0.3", id: COMMAND, source: "x", type: "y", data: { "os-reinstall": secret } },
      JSON.stringify({ server_id: SERVER, "os-reinstall": { ...BODY, ...secret } }),
      [{ ...secret }],
    ),
  );
  const properties = fc.record({
    contentType: fc.constantFrom("application/json", "application/cloudevents+json", "text/plain"),
  });

  it("is no secret: not in the copy, the problems, the subject, the event, nor the dead letter", async () => {
    const store = {
      refuse: async ({ outcome }: { outcome: unknown }) => ({
        kind: "finished" as const,
        outcome,
        first: true,
      }),
    };
    await fc.assert(
      fc.asyncProperty(messages, properties, async (value, how) => {
        const intake = take(value, how);
        if (intake.kind !== "refused") throw new Error("was understood");
        expect(JSON.stringify(intake)).not.toContain(SECRET);
        const refuse = createRefuse({
          store: store as never,
          clock: fakeClock(),
          region: "eu-west-0",
          projects: [PROJECT],
        });
        const told = await refuse(intake);
        expect(told.kind).toBe("publish");
        expect(JSON.stringify(told)).not.toContain(SECRET);
      }),
      { numRuns: 500 },
    );
  });

  it("is no part of a text that is not JSON", () => {
    const body = Buffer.from(`{"os-reinstall":{"adminpass":"${SECRET}" `);
    const intake = readCommand({ body, contentType: "application/json" }, NOW, RULES);
    expect(JSON.stringify(intake)).not.toContain(SECRET);
  });
});

describe("what is kept of an understood command", () => {
  it("is no user data and no unknown field: the order goes everywhere, the body nowhere", () => {
    const userData = Buffer.from(`#!/bin/sh\necho ${SECRET}`).toString("base64");
    const intake = take({
      command_id: COMMAND,
      server_id: SERVER,
      root_password: SECRET,
      "os-reinstall": { ...BODY, rootpass: SECRET, metadata: { user_data: userData } },
    });
    if (intake.kind !== "understood") throw new Error("was refused");
    expect(JSON.stringify(intake)).not.toContain(SECRET);
    expect(JSON.stringify(intake.order)).not.toContain(userData);
    expect(intake.body.metadata?.user_data).toBe(userData);
  });
});
