import { addressesOf, type ServerRecord, type Volume } from "../cloud/server-record.ts";

/** The status table of ECS API reference notes §3.3. */
export function statusOf(vmState: string, taskState: string | null): string {
  const rows: readonly (readonly [vm: readonly string[], tasks: readonly unknown[], string])[] = [
    [["active", "stopped", "error"], REBUILDING, "REBUILD"],
    [["active"], ["rebooting", "reboot_pending", "reboot_started"], "REBOOT"],
    [["active"], ["rebooting_hard", "reboot_pending_hard", "reboot_started_hard"], "HARD_REBOOT"],
    [["active"], ["migrating"], "MIGRATING"],
    [["active"], ["powering-off", "deleting", null], "ACTIVE"],
    [["stopped"], ["powering-on", "deleting", null], "SHUTOFF"],
    [
      ["stopped"],
      ["resize_prep", "resize_migrating", "resize_migrated", "resize_finish"],
      "RESIZE",
    ],
    [["error"], ["deleting", null], "ERROR"],
  ];
  const row = rows.find(([vm, tasks]) => vm.includes(vmState) && tasks.includes(taskState));
  return row?.[2] ?? "UNKNOWN";
}

export function shownStatus(server: ServerRecord): string {
  return server.statusShown ?? statusOf(server.vmState, server.taskState);
}

/** The body of `GET /v1/{project}/cloudservers/{id}` (§3.2). */
export function serverV1(server: ServerRecord) {
  return {
    server: {
      ...sharedFields(server),
      "OS-EXT-STS:power_state": server.vmState === "active" ? 1 : 4,
      image: {},
      locked: server.locked,
      fault: faultOf(server),
      metadata: metadataOf(server),
      tags: server.tags,
    },
  };
}

/** The body of the native query: other power state, `locked` only since microversion 2.9, no `fault` without an error. */
export function serverNative(server: ServerRecord, microversion: number) {
  const fault = faultOf(server);
  return {
    server: {
      ...sharedFields(server),
      "OS-EXT-STS:power_state": server.vmState === "active" ? 1 : 3,
      image: "",
      ...(microversion >= 9 && { locked: server.locked }),
      ...(fault !== null && { fault }),
      metadata: metadataOf(server),
    },
  };
}

/** `YYYY-MM-DDThh:mm:ssZ`. */
function secondsStamp(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}

const REBUILDING = ["rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"];

function sharedFields(server: ServerRecord) {
  return {
    id: server.id,
    name: server.name,
    status: shownStatus(server),
    "OS-EXT-STS:vm_state": server.vmState,
    "OS-EXT-STS:task_state": server.taskState,
    "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda",
    "OS-SRV-USG:launched_at": new Date(server.launchedMs).toISOString().replace("Z", "000"),
    "os-extended-volumes:volumes_attached": server.volumes.map(volumeView),
    addresses: { [VPC_ID]: addressesOf(server).map(addressView) },
    flavor: { id: server.flavorId },
    key_name: server.keyName,
    user_id: server.userId,
    tenant_id: server.projectId,
    progress: 0,
    created: secondsStamp(server.createdMs),
    updated: secondsStamp(server.updatedMs),
  };
}

const VPC_ID = "0431c5e5-0000-4000-8000-000000000003";

function addressView({ addr, version, type }: ReturnType<typeof addressesOf>[number]) {
  return { addr, version, "OS-EXT-IPS:type": type };
}

function volumeView(volume: Volume) {
  return {
    id: volume.id,
    bootIndex: volume.bootIndex,
    device: volume.device,
    delete_on_termination: volume.bootIndex === "0" ? "true" : "false",
  };
}

/** §3.4. `EcmResStatus` is present only after a freeze or unfreeze. */
function metadataOf(server: ServerRecord): Record<string, string> {
  return {
    os_type: server.osType,
    os_bit: "64",
    image_name: `image-${server.imageId.slice(0, 8)}`,
    "metering.image_id": server.imageId,
    "metering.imagetype": "private",
    charging_mode: "0",
    vpc_id: VPC_ID,
    ...(server.everFrozen && { EcmResStatus: server.frozen ? "freeze" : "normal" }),
    ...server.metadata,
  };
}

function faultOf(server: ServerRecord) {
  if (server.fault === null || shownStatus(server) !== "ERROR") return null;
  const { code, message, createdMs } = server.fault;
  return { code, message, details: message, created: secondsStamp(createdMs) };
}
