import { describe, expect, it } from "vitest";
import {
  DEAD_TYPE,
  type DeadMessage,
  leftMs,
  MOST_RETURNS,
  readDeadLetter,
  RETURNED,
} from "../../../../src/core/messages/dead-letter.ts";
import { NOW, PROJECT, SERVER } from "../builders.ts";

const SECRET = "IyEvYmluL2Jhc2gK";
const COMMAND = {
  command_id: "heal-1",
  project_id: PROJECT,
  server_id: SERVER,
  source: "node-healer",
  reason: "kernel panic",
  "os-reinstall": { userid: "u", metadata: { user_data: SECRET } },
};

function message(more: Partial<DeadMessage> & { readonly content?: unknown }): DeadMessage {
  const { content, ...rest } = more;
  return {
    body: Buffer.from(typeof content === "string" ? content : JSON.stringify(content ?? COMMAND)),
    type: undefined,
    messageId: undefined,
    timestampMs: NOW - 60_000,
    headers: {},
    expirationMs: undefined,
    deliveryCount: 0,
    ...rest,
  };
}
const read = (more: Parameters<typeof message>[0]) => readDeadLetter(message(more), NOW);

/** A copy as a worker writes it. */
const copy = (content: object, reason: string) =>
  read({ type: DEAD_TYPE, messageId: "heal-1/1/dead", content, headers: { "x-reason": reason } });

describe("a copy of ours", () => {
  it("names its command and the emitter to ask, and is never returned", () => {
    const origin = { app_id: "healer", user_id: "ecs-emitter", queue: "q", other: "x" };
    const { "os-reinstall": _left, ...command } = COMMAND;
    const letter = copy({ bytes: 3, command, origin }, "rejected: server_id: missing");
    expect(letter).toMatchObject({
      id: "heal-1/1/dead",
      kind: "copy",
      reason: "rejected: server_id: missing",
      at: new Date(NOW - 60_000).toISOString(),
      command_id: "heal-1",
      project_id: PROJECT,
      server_id: SERVER,
      source: "node-healer",
      command_reason: "kernel panic",
      origin: { app_id: "healer", user_id: "ecs-emitter", queue: "q", exchange: null },
    });
    expect(letter.origin).not.toHaveProperty("other");
    expect(letter.not_returnable).toContain(
      "ask source node-healer, application healer, broker user ecs-emitter to send",
    );
  });

  it("has the id of its event's command where it could not be read", () => {
    const letter = copy({ bytes: 3 }, "rejected: message: not-json");
    expect([letter.command_id, letter.source]).toEqual(["heal-1", null]);
    expect(letter.not_returnable).toContain("its emitter, which it does not name");
  });

  it.each([
    [{ order: { commandId: "heal-1", serverId: SERVER, source: "s" } }, "id-taken"],
    [{ command: { specversion: "1.0", data: { ...COMMAND, source: "s" } } }, "rejected: x"],
  ])("is read in each form: %j", (content, reason) => {
    expect(copy(content, reason)).toMatchObject({ server_id: SERVER, source: "s" });
  });

  it("of a step, or of a message that is none of ours, asks nobody to send anything", () => {
    const step = copy({ order: {} }, "the broker gave up on the step watch");
    expect(step.not_returnable).toContain("put back on its way");
    const rubbish = copy({}, "internal message cannot be read: not-json");
    expect(rubbish.not_returnable).toContain("must not publish there");
  });
});

describe("a message that is whole", () => {
  it("can be returned, and shows no user_data", () => {
    const letter = read({ messageId: "m-1", origin: { appId: "healer", queue: "q" } });
    expect(letter).toMatchObject({
      id: "m-1",
      kind: "whole",
      command_id: "heal-1",
      origin: { app_id: "healer" },
      not_returnable: null,
    });
    expect(JSON.stringify(letter)).not.toContain(SECRET);
  });

  it.each<[string, Parameters<typeof message>[0], string]>([
    ["was returned too often", { headers: { [RETURNED]: MOST_RETURNS } }, "returned 3 times"],
    ["has a count that nobody can read", { headers: { [RETURNED]: "x" } }, "returned 3 times"],
    ["is a step", { type: "ecs.reinstall.step.v1" }, "internal message"],
    ["is no JSON", { content: "{" }, "no JSON object"],
    ["does not say when it was sent", { timestampMs: undefined }, "AMQP timestamp"],
    ["says an implausible time", { timestampMs: 1 }, "AMQP timestamp"],
    ["has expired", { expirationMs: 60_000 }, "has expired"],
    [
      "expired in a queue",
      { death: { reason: "expired", queue: "q", atMs: NOW - 1_000, expirationMs: null } },
      "has expired",
    ],
  ])("is not returned when it %s", (_what, more, why) => {
    expect(read(more).not_returnable).toContain(why);
  });

  it("was sent no later than it died, and keeps what is left of its expiration", () => {
    const death = { reason: "rejected", queue: "q", atMs: NOW - 5_000, expirationMs: null };
    const died = message({ timestampMs: undefined, death });
    expect(readDeadLetter(died, NOW).not_returnable).toBeNull();
    expect(leftMs(message({ expirationMs: 61_000 }), NOW)).toBe(1_000);
    expect(leftMs(died, NOW)).toBeNull();
  });

  it("has an id that a person can type, whatever it was given", () => {
    const id = read({ messageId: "a b\u001b[2J" }).id;
    expect(id).toMatch(/^sha256:[0-9a-f]{16}$/);
    expect(read({ messageId: "another one" }).id).not.toBe(id);
  });
});
