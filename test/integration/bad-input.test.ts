import { deflateSync } from "node:zlib";
import type { Options } from "amqplib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { nestedHeader, publishRaw } from "../support/emitter/raw-publish.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";

const DEAD = "ecs.reinstall.dead";
const SECRET = "planted-secret-7f3a";
const SECRET_BASE64 = Buffer.from(`#!/bin/sh\necho ${SECRET}`).toString("base64");

let stage: SharedStage;

beforeAll(async () => {
  stage = await openOnSharedServices();
  await stage.addWorker();
});

afterAll(() => stage?.close());

const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";
const BODY = { keyname: "KeyPair-350b", userid: "7e25b1da389f4697a79df3a0e5bd494e" };
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

interface Case {
  readonly name: string;
  /** Fields laid over a valid command, or the whole message. */
  readonly over?: Readonly<Record<string, unknown>>;
  readonly raw?: string | Buffer;
  readonly properties?: Options.Publish;
  readonly path: string;
  readonly code: string;
}

const IGNORED: Readonly<Record<string, Buffer>> = {
  "encoded-twice": Buffer.from(SECRET_BASE64),
  bom: Buffer.from(`\uFEFF#cloud-config\npassword: ${SECRET}`),
  "leading-blank": Buffer.from(`\n#cloud-config\npassword: ${SECRET}`),
  "unknown-format": Buffer.from(`password: ${SECRET}`),
};

const CASES: readonly Case[] = [
  {
    name: "another content type",
    properties: { contentType: "text/plain" },
    path: "content_type",
    code: "unsupported",
  },
  {
    name: "no content type",
    properties: { contentType: "" },
    path: "content_type",
    code: "unsupported",
  },
  {
    name: "a compressed body",
    properties: { contentEncoding: "gzip" },
    path: "content_encoding",
    code: "unsupported",
  },
  {
    name: "another charset",
    properties: { contentType: "application/json; charset=latin1" },
    path: "content_type",
    code: "unsupported",
  },
  {
    name: "bytes that are not UTF-8",
    raw: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]),
    path: "",
    code: "not-utf8",
  },
  { name: "no JSON", raw: "reinstall please", path: "", code: "not-json" },
  { name: "nothing", raw: "", path: "", code: "not-json" },
  { name: "more than 128 KiB", over: { reason: "x".repeat(140_000) }, path: "", code: "too_big" },
  { name: "a deep body", raw: nested(5_000), path: "", code: "too-deep" },
  {
    name: "a __proto__ key",
    raw: `{"__proto__":{"dry_run":true}}`,
    path: "__proto__",
    code: "forbidden-key",
  },
  { name: "a list", raw: "[]", path: "", code: "invalid_type" },
  { name: "no server", over: { server_id: undefined }, path: "server_id", code: "missing" },
  {
    name: "a server id that is no UUID",
    over: { server_id: "web-01" },
    path: "server_id",
    code: "invalid_format",
  },
  {
    name: "another project",
    over: { project_id: "f".repeat(32) },
    path: "project_id",
    code: "not-allowed",
  },
  {
    name: "a project id that is none",
    over: { project_id: "paris" },
    path: "project_id",
    code: "invalid_format",
  },
  { name: "a number as source", over: { source: 7 }, path: "source", code: "invalid_type" },
  { name: "a long reason", over: { reason: "x".repeat(1_001) }, path: "reason", code: "too_big" },
  {
    name: "an unknown on_busy",
    over: { on_busy: "steal" },
    path: "on_busy",
    code: "invalid_value",
  },
  {
    name: "an instant without a zone",
    over: { expires_at: "2026-11-23T15:00:00" },
    path: "expires_at",
    code: "invalid_format",
  },
  {
    name: "a dry_run that is a word",
    over: { dry_run: "yes" },
    path: "dry_run",
    code: "invalid_type",
  },
  {
    name: "no os-reinstall",
    over: { "os-reinstall": undefined },
    path: "os-reinstall",
    code: "missing",
  },
  {
    name: "an empty os-reinstall",
    over: { "os-reinstall": {} },
    path: "os-reinstall",
    code: "no-login",
  },
  {
    name: "a key without its owner",
    over: { "os-reinstall": { keyname: "k" } },
    path: "os-reinstall.userid",
    code: "keyname-needs-userid",
  },
  {
    name: "a password",
    over: { "os-reinstall": { ...BODY, adminpass: SECRET } },
    path: "os-reinstall.adminpass",
    code: "adminpass-refused",
  },
  {
    name: "an unknown mode",
    over: { "os-reinstall": { ...BODY, mode: "now" } },
    path: "os-reinstall.mode",
    code: "invalid_value",
  },
  {
    name: "user_data that is not base64",
    over: { "os-reinstall": { ...BODY, metadata: { user_data: `#!${SECRET}` } } },
    path: "os-reinstall.metadata.user_data",
    code: "invalid_format",
  },
  ...["encoded-twice", "bom", "leading-blank", "unknown-format"].map((slip) => ({
    name: `user_data that cloud-init would ignore: ${slip}`,
    over: {
      "os-reinstall": { ...BODY, metadata: { user_data: IGNORED[slip]?.toString("base64") } },
    },
    path: "os-reinstall.metadata.user_data",
    code: `user-data-${slip}`,
  })),
  {
    name: "a wish to be careful, and its contrary",
    raw: `{"command_id":"twice","server_id":"${SERVER}","dry_run":true,"dry_run":false}`,
    path: "dry_run",
    code: "repeated",
  },
  {
    name: "a misspelt wish to be careful",
    over: { dryRun: true },
    path: "dryRun",
    code: "misspelt",
  },
  {
    name: "an instant of 1970",
    over: { observed_at: "1970-01-01T00:00:00Z" },
    path: "observed_at",
    code: "implausible",
  },
  {
    name: "a reply_to of ours",
    properties: { replyTo: DEAD },
    path: "reply_to",
    code: "own-queue",
  },
  {
    name: "an override that nobody may",
    over: { override: ["cooldown"], reason: "r" },
    path: "override",
    code: "not-overridable",
  },
  {
    name: "a body that kombu compressed",
    raw: deflateSync("{}"),
    properties: { headers: { compression: "application/x-gzip" } },
    path: "",
    code: "compressed",
  },
  {
    name: "a CloudEvent that is called JSON",
    raw: JSON.stringify({ specversion: "1.0", id: "e1", source: "s", type: "t", data: {} }),
    path: "content_type",
    code: "unsupported",
  },
  {
    name: "a CloudEvent of half its attributes",
    properties: { headers: { cloudEvents_specversion: "1.0" } },
    path: "headers.cloudEvents:id",
    code: "missing",
  },
  {
    name: "user_data of 32 769 bytes",
    over: {
      "os-reinstall": {
        ...BODY,
        metadata: { user_data: Buffer.alloc(32_769, "a").toString("base64") },
      },
    },
    path: "os-reinstall.metadata.user_data",
    code: "user-data-too-large",
  },
  {
    name: "a key id without encryption",
    over: { "os-reinstall": { ...BODY, metadata: { __system__cmkid: "0".repeat(36) } } },
    path: "os-reinstall.metadata.__system__cmkid",
    code: "cmkid-needs-encrypted",
  },
];

describe("a malformed command", () => {
  it.each(CASES)(
    "with $name is rejected with the path and the rule, and goes to the dead queue once",
    async (one) => {
      const id = commandId("bad");
      const command = { command_id: id, server_id: SERVER, "os-reinstall": BODY, ...one.over };
      const before = stage.emitter.heard().length;
      await stage.emitter.send(one.raw ?? command, { ...one.properties });
      const heard = await eventually(
        () =>
          stage.emitter
            .heard()
            .slice(before)
            .find(({ event }) => event.data.event === "rejected") ?? false,
      );
      expect(heard.event.data["problems"]).toContainEqual(
        expect.objectContaining({
          path: one.path,
          code: one.code,
          message: expect.stringMatching(/\w/),
        }),
      );
      if (one.raw === undefined && one.code !== "too_big")
        expect(heard.event.data.command_id).toBe(id);
      expect(heard.event.id).toBe(`${heard.event.data.command_id}/${heard.event.data.sequence}`);
      const dead = await eventually(async () => {
        const found = await stage.emitter.drain(DEAD);
        return found.length > 0 ? found : false;
      });
      expect(dead).toHaveLength(1);
      expect(dead[0]?.headers["x-reason"]).toContain(one.code);
      expect(JSON.stringify([dead, heard.text])).not.toContain(SECRET);
    },
  );

  it("without a command id is rejected, with an AMQP message id it is a command", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const command = { server_id: server.id, "os-reinstall": BODY };
    const before = stage.emitter.heard().length;
    await stage.emitter.send(command);
    const rejected = await eventually(
      () =>
        stage.emitter
          .heard()
          .slice(before)
          .find(({ event }) => event.data.event === "rejected") ?? false,
    );
    expect(rejected.event.data["problems"]).toMatchObject([
      { path: "command_id", code: "missing" },
    ]);
    await stage.emitter.drain(DEAD);
    const id = commandId("by-message-id");
    await stage.emitter.send(command, { messageId: id });
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
  });

  it("is none for headers that nest deeper than a client can read", async () => {
    const { url } = stage.services.rabbitMq;
    const deep = { headers: [nestedHeader("odd", "table", 9_000)] };
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("deep");
    const body = JSON.stringify(stage.command(id, server.id));
    const exchange = "ecs.reinstall.commands";
    await publishRaw(url, { ...deep, exchange, routingKey: "reinstall", messageId: id, body });
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    for (const routingKey of ["ecs.reinstall.work", "ecs.reinstall.work.dead"]) {
      await publishRaw(url, { ...deep, routingKey, messageId: routingKey, body: "rubbish" });
      const dead = await eventually(async () => (await stage.emitter.drain(DEAD))[0] ?? false);
      expect(dead.headers["x-reason"]).toContain("internal message cannot be read");
    }
  });

  it("never holds up the commands behind it", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("behind");
    for (let i = 0; i < 50; i++) await stage.emitter.send(`not json ${i}`);
    await stage.emitter.send(stage.command(id, server.id));
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    await eventually(async () => (await stage.emitter.drain(DEAD)).length === 0);
  });
});

describe("user_data for the other system", () => {
  it("is rejected once the server is seen, and the server is left as it was", async () => {
    const server = stage.simulator.addServer({ state: "ACTIVE", osType: "Linux" });
    const id = commandId("other-system");
    const metadata = { user_data: Buffer.from(`#ps1\n# ${SECRET}`).toString("base64") };
    await stage.emitter.send(
      stage.command(id, server.id, { "os-reinstall": { ...BODY, metadata } }),
    );
    const { data } = await stage.emitter.outcome(id);
    expect(data).toMatchObject({
      event: "rejected",
      problems: [{ path: "os-reinstall.metadata.user_data", code: "user-data-for-windows" }],
    });
    expect(JSON.stringify(data)).not.toContain(SECRET);
    expect(
      stage.simulator.ledger().entries.filter(({ serverId }) => serverId === server.id),
    ).toEqual([]);
  });
});

describe("a secret", () => {
  it("of a good command is nowhere but in the call to the cloud", async () => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    const id = commandId("secret");
    await stage.emitter.send(
      stage.command(id, server.id, {
        "os-reinstall": { ...BODY, metadata: { user_data: SECRET_BASE64 } },
      }),
    );
    await stage.emitter.event(id, "submitted");
    const { Redis } = await import("ioredis");
    const redis = new Redis(stage.services.redis.url);
    const stored: string[] = [];
    for (const key of await redis.keys("*")) {
      const type = await redis.type(key);
      if (type === "hash") stored.push(JSON.stringify(await redis.hgetall(key)));
    }
    redis.disconnect();
    await stage.emitter.outcome(id);
    const metrics = await (await fetch(`${stage.workers[0]?.httpUrl}/metrics`)).text();
    const said = [
      ...stored,
      ...stage.emitter.heard().map(({ text }) => text),
      ...stage.workers.map((worker) => worker.output()),
      metrics,
    ].join("\n");
    expect(said).not.toContain(SECRET);
    expect(said).not.toContain(SECRET_BASE64);
    expect(stored.join("")).toContain(id);
  });
});

it("does not use up its id: what was mended runs, with the numbers that follow", async () => {
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const id = commandId("mended");
  const good = stage.command(id, server.id);
  const [first, second] = [
    { ...good, on_busy: "steal" },
    { ...good, server_id: "web-01" },
  ];
  await stage.emitter.send(first);
  await eventually(() => stage.emitter.heard(id).length === 1);
  await stage.emitter.send(second);
  await eventually(() => stage.emitter.heard(id).length === 2);
  // A copy of what was refused is told the same again.
  await stage.emitter.send(first);
  await eventually(() => stage.emitter.heard(id).length === 3);
  const texts = stage.emitter.heard(id).map(({ text }) => text);
  expect(texts[2]).toBe(texts[0]);
  expect(stage.emitter.heard(id).map(({ event }) => event.id)).toEqual([
    `${id}/1`,
    `${id}/2`,
    `${id}/1`,
  ]);
  await stage.emitter.send(good);
  await stage.emitter.event(id, "succeeded");
  expect(stage.emitter.story(id).slice(0, 3)).toEqual(["rejected", "rejected", "accepted"]);
  expect(stage.reinstalls(server.id)).toBe(1);
  // From now on the id is the command's.
  await stage.emitter.send(first);
  const misuse = await stage.emitter.misuse(id, "rejected");
  expect(misuse.data["problems"]).toMatchObject([{ path: "on_busy" }, { code: "id-reused" }]);
  await stage.emitter.send(good);
  await stage.emitter.misuse(id, "duplicate");
  await stage.audit([id]);
});
