import { isIP } from "node:net";
import { z } from "zod";
import { DiskId, type ServerId } from "../../../contract/ids.ts";
import type { Condition, ServerView } from "../../../core/server/observations.ts";
import type { OsType } from "../../../core/intake/user-data.ts";
import { presentable } from "../http/redact.ts";
import { instantOf } from "./timestamps.ts";

const Flag = z.union([z.boolean(), z.stringbool()]);
const MaybeText = z.string().nullish();

const Volume = z.looseObject({
  id: z.string().min(1),
  // A string by the documents; a number is tolerated (ECS API notes §3.2).
  bootIndex: z.union([z.string(), z.number().transform(String)]).nullish(),
});

const Address = z.looseObject({ addr: z.string(), "OS-EXT-IPS:type": MaybeText });

/** What says whether something runs on a server, and which system disk it has. */
const conditionShape = {
  id: MaybeText,
  status: z.string().min(1),
  "OS-EXT-STS:task_state": MaybeText,
  "OS-EXT-STS:vm_state": MaybeText,
};

/** A server object of a list, of up to a thousand servers: no more is read of each than a list is asked for. */
export const ListedObject = z.object({
  ...conditionShape,
  "os-extended-volumes:volumes_attached": z.array(
    z.object({ id: Volume.shape.id, bootIndex: Volume.shape.bootIndex }),
  ),
});

/** A server object of a look. Lenient: what is not needed may be anything. */
export const ServerObject = z.looseObject({
  ...conditionShape,
  "os-extended-volumes:volumes_attached": z.array(Volume),
  name: MaybeText.catch(null),
  locked: Flag.nullish().catch(null),
  metadata: z.record(z.string(), z.unknown()).nullish().catch(null),
  tags: z.unknown().optional(),
  addresses: z.record(z.string(), z.array(Address)).nullish().catch(null),
  created: z.unknown().optional(),
  image: z.looseObject({ id: MaybeText }).nullish().catch(null),
  fault: z.looseObject({ message: MaybeText }).nullish().catch(null),
});
type ServerObject = z.infer<typeof ServerObject>;

/**
 * The server as it is shown, or why it cannot be judged: what decides about a disk must be shown, not supposed. Pure.
 * `cloudTimeMs`: the `Date` of the answer.
 */
export function viewOf(
  server: ServerObject,
  asked: ServerId,
  cloudTimeMs: number | null,
): ServerView | string {
  if (server.id != null && server.id.toLowerCase() !== asked) return "the answer is another server";
  const condition = conditionOf(server);
  if (typeof condition === "string") return condition;
  const disk = systemDisk(server["os-extended-volumes:volumes_attached"]);
  const { metadata } = server;
  return {
    ...condition,
    vmState: vmStateOf(server),
    // Not documented for this call; taken where a deployment sends it.
    volumeType: text(disk?.["volume_type"]) ?? null,
    locked: server.locked === true,
    frozen: metadata?.["EcmResStatus"] === "freeze",
    name: server.name ?? null,
    // Volume-booted servers have no `image` (ECS API notes §3.2).
    imageId: text(metadata?.["metering.image_id"]) ?? text(server.image?.id) ?? null,
    osType: osTypeOf(metadata?.["os_type"]),
    faultMessage: server.fault?.message ? presentable(server.fault.message) : null,
    ...markOf(server.tags, metadata),
    address: addressOf(server.addresses),
    createdAtMs: instantOf(server.created),
    cloudTimeMs,
  };
}

/** The same of what a list shows. Pure. */
export function conditionOf(server: z.infer<typeof ListedObject>): Condition | string {
  const taskState = server["OS-EXT-STS:task_state"];
  // Absent together they were withheld: then "no task" would be a guess.
  if (taskState === undefined && vmStateOf(server) === null) {
    return "the answer does not show the task";
  }
  const disk = systemDisk(server["os-extended-volumes:volumes_attached"]);
  if (disk === undefined) return "the answer does not show which volume is the system disk";
  return {
    // Documented in capitals; another spelling is the same state.
    status: server.status.trim().toUpperCase(),
    taskState: taskState || null,
    systemDiskId: disk === null ? null : DiskId.parse(disk.id),
  };
}

function vmStateOf(server: z.infer<typeof ListedObject>): string | null {
  return server["OS-EXT-STS:vm_state"] || null;
}

/** The volume with `bootIndex` "0"; null: there is none; undefined: not known. */
function systemDisk<
  V extends { readonly id: string; readonly bootIndex?: string | null | undefined },
>(volumes: readonly V[]): V | null | undefined {
  const boot = volumes.filter(({ bootIndex }) => bootIndex === "0");
  if (boot.length > 1) return undefined;
  if (boot[0] !== undefined) return boot[0].id.length <= 128 ? boot[0] : undefined;
  return volumes.every(({ bootIndex }) => bootIndex != null) ? null : undefined;
}

/**
 * The tag is asked first: whether metadata survive a reinstall is not documented (ECS API notes §12). But `never` is meant
 * wherever it stands: who wrote it does not know of the other.
 */
function markOf(
  tags: unknown,
  metadata: Readonly<Record<string, unknown>> | null | undefined,
): Pick<ServerView, "mark" | "unreadMark"> {
  const values = tagValues(tags);
  if (values === null) return unread("the server's tags cannot be read");
  const kept = Object.entries(metadata ?? {}).flatMap(([key, value]) =>
    isMark(key) && value !== null ? [value] : [],
  );
  if (values.length > 1) return unread(values.join(", "));
  const word = wordOf(values[0] ?? kept[0]);
  if (word === undefined) return { mark: null, unreadMark: null };
  if (word === "never") return { mark: word, unreadMark: null };
  if (word !== "allowed") return unread(word ?? "not a text");
  const forbids = kept.some((value) => wordOf(value) === "never");
  return { mark: forbids ? "never" : word, unreadMark: null };
}

/** `ecs-reinstall`, `ECS_Reinstall`: a wish to be careful must not be lost by a spelling. */
function isMark(key: string): boolean {
  return key.toLowerCase().replaceAll(/[-_\s]/g, "") === "ecsreinstall";
}

/** Undefined: there is none; null: it is no text. */
function wordOf(value: unknown): string | null | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string") return null;
  const word = value.trim().toLowerCase();
  return word === "never" || word === "allowed" ? word : value;
}

function unread(what: string): Pick<ServerView, "mark" | "unreadMark"> {
  return { mark: null, unreadMark: presentable(what, [], 80) };
}

const Tags = z.array(z.string());

/** What follows `ecs-reinstall=`, or "" for the bare key, once for each such tag; null: not a list of texts. */
function tagValues(tags: unknown): readonly string[] | null {
  if (tags === undefined || tags === null) return [];
  const list = Tags.safeParse(tags);
  if (!list.success) return null;
  return list.data.flatMap((tag) => {
    const [key = "", ...value] = tag.split("=");
    return isMark(key) ? [value.join("=")] : [];
  });
}

/** Its first fixed address, of version 4 where it has one: a floating one may lead through a gateway. */
function addressOf(networks: ServerObject["addresses"]): string | null {
  const fixed = Object.values(networks ?? {})
    .flat()
    .filter((one) => (one["OS-EXT-IPS:type"] ?? "fixed") === "fixed" && isIP(one.addr) !== 0)
    .map(({ addr }) => addr);
  return fixed.find((addr) => isIP(addr) === 4) ?? fixed[0] ?? null;
}

/** `Linux` or `Windows` (ECS API notes §3.4); anything else says nothing. */
function osTypeOf(value: unknown): OsType | null {
  const os = text(value)?.toLowerCase();
  return os === "linux" || os === "windows" ? os : null;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
