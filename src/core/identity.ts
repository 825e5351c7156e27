import { createHash } from "node:crypto";
import type { ReinstallCommand } from "../contract/command.ts";

/**
 * Two commands with one id must say the same: everything the emitter said counts, in canonical order,
 * so that the order of keys and white space does not.
 */
export function contentHash(command: ReinstallCommand): string {
  return sha256(canonicalJson(command));
}

/** Commands with the same content can share one reinstall: the same server, the same `os-reinstall`. */
export function wishHash(command: Pick<ReinstallCommand, "serverId" | "osReinstall">): string {
  return sha256(canonicalJson([command.serverId, command.osReinstall]));
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
