import type { CloudState } from "./cloud/cloud-state.ts";
import { applyOutsideAction, outsideActionSchema } from "./cloud/outside-actions.ts";
import {
  behaviourOf,
  isOn,
  type ServerRecord,
  serverPatchSchema,
  systemDiskId,
} from "./cloud/server-record.ts";
import { shownStatus } from "./requests/server-view.ts";
import type { SimulatedServer } from "./simulator.ts";

/** A server for people in the same process: always up to date, never the record itself. */
export function serverHandle(
  state: CloudState,
  record: ServerRecord,
  onChanged: () => void,
): SimulatedServer {
  const now = () => {
    state.schedule.catchUp();
    return record;
  };
  return {
    id: record.id,
    projectId: record.projectId,
    get status() {
      return shownStatus(now());
    },
    get vmState() {
      return now().vmState;
    },
    get taskState() {
      return now().taskState;
    },
    get isOn() {
      return isOn(now());
    },
    get systemDiskId() {
      return systemDiskId(now());
    },
    get runningJobs() {
      return [...now().running];
    },
    act(action) {
      applyOutsideAction(state, now(), outsideActionSchema.parse(action));
      onChanged();
    },
    patch(patch) {
      const { name, locked, frozen, keyName, imageId, metadata, ...more } =
        serverPatchSchema.parse(patch);
      const { tags, address, floatingAddress, systemDiskCreatedAtMs, ...behaviour } = more;
      const server = now();
      server.name = name ?? server.name;
      server.locked = locked ?? server.locked;
      server.frozen = frozen ?? server.frozen;
      server.everFrozen ||= server.frozen;
      server.keyName = keyName === undefined ? server.keyName : keyName;
      server.imageId = imageId ?? server.imageId;
      server.metadata = { ...server.metadata, ...metadata };
      server.tags = tags ?? server.tags;
      server.address = address ?? server.address;
      server.floatingAddress =
        floatingAddress === undefined ? server.floatingAddress : floatingAddress;
      const disk = systemDiskId(server);
      if (disk !== null && systemDiskCreatedAtMs !== undefined) {
        state.putDisk(server, disk, systemDiskCreatedAtMs);
      }
      server.behaviour = behaviourOf(behaviour, server.behaviour);
      onChanged();
    },
  };
}
