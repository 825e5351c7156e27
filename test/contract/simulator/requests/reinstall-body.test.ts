import { describe, expect, it } from "vitest";
import { DEFAULT_PROJECT_ID } from "../../../../src/simulator/defaults.ts";
import { optionsSchema, type SimulatorOptions } from "../../../../src/simulator/options.ts";
import { readReinstallBody } from "../../../../src/simulator/requests/reinstall-body.ts";
import { USER_ID } from "../cloud-client.ts";

function read(body: unknown, options: SimulatorOptions = {}) {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const result = readReinstallBody(bytes, optionsSchema.parse(options));
  return result.kind === "wish" ? result.wish : result.refusal.code;
}

const wrapped = (osReinstall: unknown) => ({ "os-reinstall": osReinstall });
const base64 = (bytes: number) => Buffer.alloc(bytes, "#").toString("base64");

describe("the reinstall body", () => {
  it.each([
    ["the first example of the page", { userid: USER_ID, mode: "withStopServer" }, true],
    ["the second example of the page", { keyname: "KeyPair-350b", userid: USER_ID }, false],
    ["a password instead of a key", { adminpass: "Correct-Horse1" }, false],
    ["user data of 32 KB", { userid: USER_ID, metadata: { user_data: base64(32_768) } }, false],
    ["no user data at all", { userid: USER_ID, metadata: { user_data: "" } }, false],
    ["an own licence", { userid: USER_ID, metadata: { BYOL: "true" } }, false],
    ["an unencrypted disk", { userid: USER_ID, metadata: { __system__encrypted: "0" } }, false],
    [
      "a disk encrypted with a key",
      { userid: USER_ID, metadata: { __system__encrypted: "1", __system__cmkid: "0".repeat(36) } },
      false,
    ],
    ["unknown fields", { userid: USER_ID, colour: "red", metadata: { shape: 1 } }, false],
  ])("is valid with %s", (_, body, stopsServer) => {
    expect(read(wrapped(body))).toEqual({ stopsServer });
  });

  it.each([
    ["nothing", "", "Common.0002"],
    ["broken JSON", '{"os-reinstall":', "Ecs.0005"],
    ["no wrapper", { userid: USER_ID }, "Ecs.0000"],
    ["a list as wrapper", wrapped([]), "Ecs.0000"],
    ["a JSON text", '"os-reinstall"', "Ecs.0000"],
    ["a number as key name", wrapped({ keyname: 1, userid: USER_ID }), "Ecs.0005"],
    [
      "a key and a password",
      wrapped({ keyname: "k", userid: USER_ID, adminpass: "Correct-Horse1" }),
      "Ecs.0005",
    ],
    ["a key without its user", wrapped({ keyname: "k" }), "Ecs.0005"],
    ["another mode", wrapped({ userid: USER_ID, mode: "gently" }), "Ecs.0005"],
    [
      "user data over 32 KB",
      wrapped({ userid: USER_ID, metadata: { user_data: base64(32_769) } }),
      "Ecs.0005",
    ],
    [
      "unpadded user data",
      wrapped({ userid: USER_ID, metadata: { user_data: "I2Nsb3U" } }),
      "Ecs.0005",
    ],
    [
      "user data with line ends",
      wrapped({ userid: USER_ID, metadata: { user_data: "I2Ns\nb3Ud" } }),
      "Ecs.0005",
    ],
    ["another BYOL", wrapped({ userid: USER_ID, metadata: { BYOL: "false" } }), "Ecs.0005"],
    ["a weak password", wrapped({ adminpass: "password" }), "Ecs.0011"],
    ["a password of 27 characters", wrapped({ adminpass: `Aa1${"x".repeat(24)}` }), "Ecs.0011"],
    [
      "another encryption",
      wrapped({ userid: USER_ID, metadata: { __system__encrypted: "yes" } }),
      "Ecs.0912",
    ],
    [
      "a key for no encryption",
      wrapped({ userid: USER_ID, metadata: { __system__cmkid: "0".repeat(36) } }),
      "Ecs.0912",
    ],
    [
      "a short key id",
      wrapped({ userid: USER_ID, metadata: { __system__encrypted: "1", __system__cmkid: "0" } }),
      "Ecs.0912",
    ],
  ])("is refused with %s", (_, body, code) => {
    expect(read(body)).toBe(code);
  });

  it("must name an existing key pair where key pairs are listed", () => {
    const options = { keyPairs: ["ops-key-01"] };
    expect(read(wrapped({ keyname: "ops-key-02", userid: USER_ID }), options)).toBe("Ecs.0314");
    expect(read(wrapped({ keyname: "ops-key-01", userid: USER_ID }), options)).toBeTypeOf("object");
  });

  it("must name a user where the Paris table is taken at its word", () => {
    expect(read(wrapped({ adminpass: "Correct-Horse1" }), { userIdMandatory: true })).toBe(
      "Ecs.0005",
    );
  });
});

it("the default project id has the shape of a real one", () => {
  expect(DEFAULT_PROJECT_ID).toMatch(/^[0-9a-f]{32}$/);
});
