import { createHash } from "node:crypto";
import type { ReinstallCommand } from "../contract/command.ts";
import { DiskId } from "../contract/ids.ts";
import type { OsReinstall } from "../contract/os-reinstall.ts";

/**
 * Two commands with one id must say the same: everything the emitter said counts, in canonical order,
 * so that the order of keys and white space does not. Nor does the case of an id.
 */
export function contentHash(command: ReinstallCommand): string {
  const { expectedSystemDisk, osReinstall } = command;
  return contentHashAsSent({
    ...command,
    expectedSystemDisk: expectedSystemDisk && DiskId.parse(expectedSystemDisk.toLowerCase()),
    osReinstall: withIdsInLowerCase(osReinstall),
  });
}

/** The same by the ids as they were sent: so earlier versions have stored it. */
export function contentHashAsSent(command: ReinstallCommand): string {
  return sha256(canonicalJson(command));
}

/** Is that another hash? Seldom: most senders write ids in lower case. */
export function hasIdInCapitals({ expectedSystemDisk, osReinstall }: ReinstallCommand): boolean {
  const ids = [expectedSystemDisk, osReinstall.metadata?.__system__cmkid];
  return ids.some((id) => id !== undefined && id !== id.toLowerCase());
}

/** Commands with the same content can share one reinstall: the same server, the same `os-reinstall`. */
export function wishHash(command: Pick<ReinstallCommand, "serverId" | "osReinstall">): string {
  return sha256(canonicalJson([command.serverId, withIdsInLowerCase(command.osReinstall)]));
}

/** Of a body the key of the system disk has one; what the cloud is asked for keeps its own. */
function withIdsInLowerCase(body: OsReinstall): OsReinstall {
  const { metadata } = body;
  if (metadata?.__system__cmkid === undefined) return body;
  const key = metadata.__system__cmkid.toLowerCase();
  return { ...body, metadata: { ...metadata, __system__cmkid: key } };
}

/** Lower-case hex SHA-256. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** JSON with sorted keys; `undefined` members are left out. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}
