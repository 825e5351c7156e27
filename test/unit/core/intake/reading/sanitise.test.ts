import { describe, expect, it } from "vitest";
import { sanitisedCopy } from "../../../../../src/core/intake/reading/sanitise.ts";
import { BODY, COMMAND, SERVER } from "../../builders.ts";

const copyOf = (value: unknown) => sanitisedCopy(value, 77, "hash");

describe("the sanitised copy of a command", () => {
  it("keeps what identifies it and says what it asked for", () => {
    const command = {
      command_id: COMMAND,
      server_id: SERVER,
      "os-reinstall": { ...BODY, mode: "withStopServer", metadata: { BYOL: "true" } },
      on_busy: "wait",
      dry_run: false,
      expires_at: "2026-11-23T15:00:00+01:00",
    };
    expect(copyOf(command)).toEqual({ bytes: 77, sha256: "hash", command });
  });

  it("names every other field, and leaves its value out", () => {
    expect(
      copyOf({
        adminpass: "x",
        "os-reinstall": {
          adminpass: "x",
          admin_pass: ["x"],
          metadata: { user_data: "x", root: { a: "x" } },
        },
      }),
    ).toMatchObject({
      command: {
        adminpass: "(left out)",
        "os-reinstall": {
          adminpass: "(left out)",
          admin_pass: "(left out)",
          metadata: { user_data: "(left out)", root: "(left out)" },
        },
      },
    });
  });

  it("looks into a CloudEvent", () => {
    const event = { specversion: "1.0", id: COMMAND, type: "t", source: "s" };
    expect(copyOf({ ...event, data: { server_id: SERVER, x: 1 } })).toMatchObject({
      command: { ...event, data: { server_id: SERVER, x: "(left out)" } },
    });
  });

  it.each(["os-reinstall", "metadata", "data"])("keeps no text where %s should be", (key) => {
    expect(copyOf({ [key]: '{"adminpass":"x"}' })).toMatchObject({
      command: { [key]: "(left out)" },
    });
  });

  it.each(["source", "reason", "command_id", "mode"])(
    "keeps no object where %s should be",
    (key) => {
      expect(copyOf({ [key]: { mode: "x" } })).toMatchObject({ command: { [key]: "(left out)" } });
      expect(copyOf({ [key]: ["x"] })).toMatchObject({ command: { [key]: "(left out)" } });
    },
  );

  it.each([["a text"], [5], [null], [true]])("keeps nothing of %j as a whole message", (value) => {
    expect(copyOf(value)).toMatchObject({ command: "(left out)" });
  });

  it("keeps the length of a list only", () => {
    expect(copyOf(["x", "y"])).toMatchObject({ command: "(2 elements left out)" });
    expect(copyOf({ metadata: ["x"] })).toMatchObject({
      command: { metadata: "(1 elements left out)" },
    });
  });

  it("keeps the size and hash of what could not be read", () => {
    expect(copyOf(undefined)).toEqual({ bytes: 77, sha256: "hash" });
  });

  const HASH = /^\(left out: \d+ characters, sha256 [0-9a-f]{8}…\)$/;

  it.each<[string, (wrong: unknown) => object]>([
    ["command_id", (wrong) => ({ command_id: wrong })],
    ["project_id", (wrong) => ({ project_id: wrong })],
    ["server_id", (wrong) => ({ server_id: wrong })],
    ["on_busy", (wrong) => ({ on_busy: wrong })],
    ["expires_at", (wrong) => ({ expires_at: wrong })],
    ["observed_at", (wrong) => ({ observed_at: wrong })],
    ["not_before", (wrong) => ({ not_before: wrong })],
    ["group", (wrong) => ({ group: wrong })],
    ["dry_run", (wrong) => ({ dry_run: wrong })],
    ["a long source", (wrong) => ({ source: `${String(wrong)}${"s".repeat(200)}` })],
    ["a long reason", (wrong) => ({ reason: `${String(wrong)}${"s".repeat(1_000)}` })],
    ["mode", (wrong) => ({ "os-reinstall": { mode: wrong } })],
    ["userid", (wrong) => ({ "os-reinstall": { userid: wrong } })],
    ["BYOL", (wrong) => ({ "os-reinstall": { metadata: { BYOL: wrong } } })],
    ["encrypted", (wrong) => ({ "os-reinstall": { metadata: { __system__encrypted: wrong } } })],
    ["the version of an event", (wrong) => ({ specversion: wrong, data: { on_busy: wrong } })],
    ["the type of an event's data", (wrong) => ({ specversion: "1.0", datacontenttype: wrong })],
  ])("names a value that broke the rule of %s by length and hash", (_, message) => {
    const secret = "Correct/Horse=Battery+";
    const { command } = copyOf(message(secret)) as { command: object };
    expect(JSON.stringify(command)).not.toContain(secret.slice(0, 7));
    expect(leavesOf(command).every((leaf) => HASH.test(leaf) || leaf === "1.0")).toBe(true);
  });

  it.each([[["Correct"]], [{ a: "Correct" }], [1234], [true]])("keeps nothing of %j", (wrong) => {
    expect(JSON.stringify(copyOf({ on_busy: wrong, override: wrong }))).not.toMatch(/Correct|1234/);
  });

  it("keeps names that are plain, and says of others how long they are", () => {
    const secret = Buffer.from("#!/bin/sh\necho secret\n".repeat(9)).toString("base64");
    const { command } = copyOf({ [secret]: 1, größe_2: 1 }) as { command: object };
    expect(Object.keys(command)[0]).toMatch(/^\(name of 264 characters, sha256 [0-9a-f]{8}…\)$/);
    expect(Object.keys(command)[1]).toBe("größe_2");
  });

  it("keeps a field's value only where that field is", () => {
    const { command } = copyOf({ mode: "withStopServer", keyname: "k" }) as { command: object };
    expect(command).toEqual({ mode: "(left out)", keyname: "(left out)" });
  });
});

function leavesOf(value: unknown): string[] {
  return typeof value === "object" && value !== null
    ? Object.values(value).flatMap(leavesOf)
    : [String(value)];
}
