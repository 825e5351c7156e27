import { jsonAnswer } from "../requests/answers.ts";
import type { CloudState, DiskRecord } from "../cloud/cloud-state.ts";
import { PROJECT, path, type Route } from "./route.ts";
import type { ServerRecord } from "../cloud/server-record.ts";

/** The corner of the disk service that tells how old a disk is: ECS API reference notes §11. */
export function volumeRoutes(state: CloudState): Route[] {
  return [
    {
      method: "GET",
      pattern: path(`/v2/${PROJECT}/cloudvolumes/(?<volume>[^/]+)`),
      shape: "native",
      access: "project",
      target: ({ volume = "" }) => ({ operation: "disk", serverId: holderOf(state, volume)?.id }),
      answer(call) {
        const { project, volume = "" } = call.params;
        const disk = state.disks.get(volume);
        // The code only chooses the status: a native answer names the fault, `itemNotFound`.
        return disk === undefined || disk.projectId !== project
          ? call.refuse({ code: "Ecs.0114", message: `Volume ${volume} could not be found.` })
          : jsonAnswer(200, { volume: volumeView(disk, holderOf(state, volume)) });
      },
    },
  ];
}

function holderOf(state: CloudState, diskId: string): ServerRecord | undefined {
  return [...state.servers.values()].find((server) =>
    server.volumes.some(({ id }) => id === diskId),
  );
}

function volumeView(disk: DiskRecord, holder: ServerRecord | undefined) {
  const attached = holder?.volumes.find(({ id }) => id === disk.id);
  return {
    id: disk.id,
    name: `volume-${disk.id.slice(0, 8)}`,
    status: attached === undefined ? "available" : "in-use",
    bootable: String(disk.isSystem),
    size: 40,
    volume_type: "SSD",
    shareable: "false",
    attachments:
      holder === undefined || attached === undefined
        ? []
        : [{ server_id: holder.id, volume_id: disk.id, device: attached.device }],
    created_at: stampWithoutZone(disk.createdMs),
    updated_at: stampWithoutZone(disk.createdMs),
    "os-vol-tenant-attr:tenant_id": disk.projectId,
  };
}

/** UTC as `YYYY-MM-DDTHH:MM:SS.XXXXXX`, without a zone letter. */
function stampWithoutZone(atMs: number): string {
  return new Date(atMs).toISOString().replace("Z", "000");
}
