import { describe, expect, it } from "vitest";
import type { ReinstallCommand } from "../../../src/contract/command.ts";
import { CommandId, DiskId, ServerId } from "../../../src/contract/ids.ts";
import { contentHash, contentHashAsSent, sha256, wishHash } from "../../../src/core/identity.ts";
import { BODY, COMMAND, DISK, NOW, OTHER_PROJECT, PROJECT, SERVER } from "./builders.ts";

const command: ReinstallCommand = {
  commandId: COMMAND,
  projectId: PROJECT,
  serverId: SERVER,
  osReinstall: BODY,
  onBusy: "join",
  dryRun: false,
};
const KEY = "0d0466b0-e727-4d9c-b35d-f84bb474a37f";
const otherServer = ServerId.parse("00000000-eb70-47cf-a60a-998a53bd598a");

describe("the hash of a command's content", () => {
  it.each<[string, Partial<ReinstallCommand>]>([
    ["id", { commandId: CommandId.parse("x") }],
    ["project", { projectId: OTHER_PROJECT }],
    ["server", { serverId: otherServer }],
    ["body", { osReinstall: { ...BODY, mode: "withStopServer" } }],
    ["user data", { osReinstall: { ...BODY, metadata: { user_data: "Cg==" } } }],
    ["on_busy", { onBusy: "wait" }],
    ["dry_run", { dryRun: true }],
    ["expected disk", { expectedSystemDisk: DISK }],
    ["expiry", { expiresAtMs: NOW }],
    ["observation", { observedAtMs: NOW }],
    ["source", { source: "s" }],
    ["reason", { reason: "s" }],
  ])("changes with the %s", (_, changed) => {
    expect(contentHash({ ...command, ...changed })).not.toBe(contentHash(command));
  });

  it("does not depend on the order of keys, at any depth", () => {
    const said = {
      ...command,
      source: "s",
      reason: "r",
      osReinstall: {
        ...BODY,
        mode: "withStopServer",
        metadata: { user_data: "Cg==", BYOL: "true" },
      },
    } as const;
    const reversed = turned(said) as ReinstallCommand;
    expect(Object.keys(reversed)).toEqual(Object.keys(said).toReversed());
    expect(contentHash(reversed)).toBe(contentHash(said));
    expect(wishHash(reversed)).toBe(wishHash(said));
  });

  it("tells a source from a reason of the same words", () => {
    expect(contentHash({ ...command, source: "s" })).not.toBe(
      contentHash({ ...command, reason: "s" }),
    );
  });

  it("does not depend on the case of an id", () => {
    const osReinstall = {
      ...BODY,
      metadata: { __system__encrypted: "1", __system__cmkid: KEY },
    } as const;
    const said = { ...command, expectedSystemDisk: DISK, osReinstall };
    const metadata = { __system__encrypted: "1", __system__cmkid: KEY.toUpperCase() } as const;
    const inCapitals = {
      ...said,
      expectedSystemDisk: DiskId.parse(DISK.toUpperCase()),
      osReinstall: { ...BODY, metadata },
    };
    expect(inCapitals.expectedSystemDisk).not.toBe(DISK);
    expect(contentHash(inCapitals)).toBe(contentHash(said));
    expect(wishHash(inCapitals)).toBe(wishHash(said));
    // As every version before has stored it: ids are in lower case nearly always.
    expect(contentHash(said)).toBe(contentHashAsSent(said));
    expect(contentHash(inCapitals)).not.toBe(contentHashAsSent(inCapitals));
    const named = { ...command, osReinstall: { ...BODY, keyname: "Key" } };
    const other = { ...command, osReinstall: { ...BODY, keyname: "key" } };
    expect(contentHash(named)).not.toBe(contentHash(other));
  });

  it("takes an absent field and an undefined one for the same", () => {
    expect(contentHash({ ...command, source: undefined })).toBe(contentHash(command));
  });
});

describe("the hash of a wish", () => {
  it("is that of the server and the body alone", () => {
    const other = { ...command, commandId: CommandId.parse("x"), onBusy: "wait", source: "s" };
    expect(wishHash(other)).toBe(wishHash(command));
  });

  it.each([
    ["server", { serverId: otherServer }],
    ["key", { osReinstall: { ...BODY, keyname: "other" } }],
    ["mode", { osReinstall: { ...BODY, mode: "withStopServer" as const } }],
    ["user data", { osReinstall: { ...BODY, metadata: { user_data: "Cg==" } } }],
  ])("changes with the %s", (_, changed) => {
    expect(wishHash({ ...command, ...changed })).not.toBe(wishHash(command));
  });
});

it("SHA-256 is written as lower-case hex", () => {
  expect(sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect(sha256(Buffer.from("abc"))).toBe(sha256("abc"));
});

/** The same object with its keys, and theirs, the other way round. */
function turned(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).toReversed();
  return Object.fromEntries(members.map(([key, member]) => [key, turned(member)]));
}
