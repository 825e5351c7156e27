import { z } from "zod";
import type { ProjectId, ServerId } from "../../contract/ids.ts";
import { DiskId } from "../../contract/ids.ts";
import type { Look, ServerView } from "../../core/observations.ts";
import type { OsType } from "../../core/user-data.ts";
import type { Answer } from "./answer.ts";
import type { Calls, Service } from "./calls.ts";
import { knownError, refusalOf, summary, unavailableBy } from "./error-table.ts";
import type { Send } from "./exchange.ts";
import { presentable } from "./redact.ts";

export interface ReadDeps {
  readonly calls: Calls;
  readonly service: Service;
  readonly send: Send;
}

/** `GET /v1/{project}/cloudservers/{server}` (ECS API notes §3.1). */
export function createLook({ calls, service, send }: ReadDeps) {
  return async function look(
    project: ProjectId,
    server: ServerId,
    signal: AbortSignal,
  ): Promise<Look> {
    const path = `/v1/${project}/cloudservers/${server}`;
    const called = await calls.call(
      { operation: "look", method: "GET", project, path, service, send },
      signal,
    );
    return called.kind === "unavailable"
      ? { ...called, kind: "unreadable" }
      : lookFrom(called.answer, server);
  };
}

/**
 * What an answer shows of a server. Pure.
 *
 * @internal
 */
export function lookFrom(answer: Answer, server: ServerId): Look {
  if (answer.code === null && answer.status === 200) {
    const body = Body.safeParse(answer.json);
    const read = body.success ? view(body.data.server, server, answer) : "no server in the answer";
    if (typeof read !== "string") return { kind: "seen", server: read };
    return { kind: "unreadable", ...unavailableBy({ ...answer, message: read }) };
  }
  const error = knownError(answer);
  switch (error?.look) {
    case "absent":
    case "refused":
      return { kind: error.look, refusal: refusalOf(error, answer) };
    case "throttled":
    case "unavailable":
    case undefined:
      return { kind: "unreadable", ...unavailableBy(answer), message: summary(answer) };
  }
}

const Flag = z.union([z.boolean(), z.stringbool()]);
const MaybeText = z.string().nullish();

const Volume = z.looseObject({
  id: z.string().min(1),
  // A string by the documents; a number is tolerated (ECS API notes §3.2).
  bootIndex: z.union([z.string(), z.number().transform(String)]).nullish(),
});

/** Lenient: what is not needed may be anything. */
const Server = z.looseObject({
  id: MaybeText,
  name: MaybeText.catch(null),
  status: z.string().min(1),
  "OS-EXT-STS:task_state": MaybeText,
  "OS-EXT-STS:vm_state": MaybeText,
  "os-extended-volumes:volumes_attached": z.array(Volume),
  locked: Flag.nullish().catch(null),
  metadata: z.record(z.string(), z.unknown()).nullish().catch(null),
  image: z.looseObject({ id: MaybeText }).nullish().catch(null),
  fault: z.looseObject({ message: MaybeText }).nullish().catch(null),
});

const Body = z.object({ server: Server });

/** The server, or why it cannot be judged: what decides about a disk must be shown, not supposed. */
function view(
  server: z.infer<typeof Server>,
  asked: ServerId,
  answer: Answer,
): ServerView | string {
  if (server.id != null && server.id.toLowerCase() !== asked) return "the answer is another server";
  const vmState = server["OS-EXT-STS:vm_state"] || null;
  const taskState = server["OS-EXT-STS:task_state"];
  // Absent together they were withheld: then "no task" would be a guess.
  if (taskState === undefined && vmState === null) return "the answer does not show the task";
  const disk = systemDisk(server["os-extended-volumes:volumes_attached"]);
  if (disk === undefined) return "the answer does not show which volume is the system disk";
  const { metadata } = server;
  return {
    status: server.status,
    taskState: taskState || null,
    vmState,
    systemDiskId: disk === null ? null : DiskId.parse(disk.id),
    // Not documented for this call; taken where a deployment sends it.
    volumeType: text(disk?.["volume_type"]) ?? null,
    locked: server.locked === true,
    frozen: metadata?.["EcmResStatus"] === "freeze",
    name: server.name ?? null,
    // Volume-booted servers have no `image` (ECS API notes §3.2).
    imageId: text(metadata?.["metering.image_id"]) ?? text(server.image?.id) ?? null,
    osType: osTypeOf(metadata?.["os_type"]),
    faultMessage: server.fault?.message ? presentable(server.fault.message) : null,
    cloudTimeMs: answer.cloudTimeMs,
  };
}

/** The volume with `bootIndex` "0"; null: there is none; undefined: cannot be told. */
function systemDisk(
  volumes: readonly z.infer<typeof Volume>[],
): z.infer<typeof Volume> | null | undefined {
  const boot = volumes.filter(({ bootIndex }) => bootIndex === "0");
  if (boot.length > 1) return undefined;
  if (boot[0] !== undefined) return boot[0].id.length <= 128 ? boot[0] : undefined;
  return volumes.every(({ bootIndex }) => bootIndex != null) ? null : undefined;
}

/** `Linux` or `Windows` (ECS API notes §3.4); anything else says nothing. */
function osTypeOf(value: unknown): OsType | null {
  const os = text(value)?.toLowerCase();
  return os === "linux" || os === "windows" ? os : null;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
