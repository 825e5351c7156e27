import { describe, expect, it } from "vitest";
import { sanitisedCopy } from "../../../src/core/sanitise.ts";
import { BODY, COMMAND, SERVER } from "./builders.ts";

const copyOf = (value: unknown) => sanitisedCopy(value, 77, "hash");

describe("the sanitised copy of a command", () => {
  it("keeps what identifies it and says what it asked for", () => {
    const command = {
      command_id: COMMAND,
      server_id: SERVER,
      "os-reinstall": { ...BODY, mode: "withStopServer", metadata: { BYOL: "true" } },
      on_busy: "wait",
      dry_run: false,
      expires_at: 5,
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

  it("cuts long texts and names", () => {
    const copy = copyOf({ reason: "r".repeat(5_000), ["n".repeat(500)]: 1 });
    expect(copy).toMatchObject({
      command: { reason: "r".repeat(1_000), ["n".repeat(100)]: "(left out)" },
    });
  });
});
