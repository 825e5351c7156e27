import { describe, expect, it } from "vitest";
import type { ReinstallCommand } from "../../../src/contract/command.ts";
import { CommandId, ServerId } from "../../../src/contract/ids.ts";
import { contentHash, sha256, wishHash } from "../../../src/core/identity.ts";
import { BODY, COMMAND, DISK, NOW, OTHER_PROJECT, PROJECT, SERVER } from "./builders.ts";

const command: ReinstallCommand = {
  commandId: COMMAND,
  projectId: PROJECT,
  serverId: SERVER,
  osReinstall: BODY,
  onBusy: "join",
  dryRun: false,
};
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
