import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { CloudState } from "./cloud-state.ts";
import { startReinstall } from "./reinstall-run.ts";
import { isOn, replaceSystemDisk, type ServerRecord } from "./server-record.ts";

/** What somebody else may do to a server behind the worker's back, at once and without any precondition. */
export const outsideActionSchema = z.discriminatedUnion("action", [
  z.strictObject({ action: z.literal("stop") }),
  z.strictObject({ action: z.literal("start") }),
  /** `ERROR`, with a `fault`. */
  z.strictObject({ action: z.literal("break") }),
  z.strictObject({ action: z.literal("lock") }),
  z.strictObject({ action: z.literal("unlock") }),
  z.strictObject({ action: z.literal("freeze") }),
  z.strictObject({ action: z.literal("unfreeze") }),
  z.strictObject({ action: z.literal("set-task"), taskState: z.string().nullable() }),
  /** Puts another system disk in; its id is generated unless given. */
  z.strictObject({ action: z.literal("swap-disk"), diskId: z.string().optional() }),
  z.strictObject({ action: z.literal("remove-disk") }),
  /** A reinstall from the console: takes its time, replaces the disk, never comes through the API. */
  z.strictObject({ action: z.literal("reinstall") }),
  z.strictObject({ action: z.literal("delete") }),
]);
export type OutsideAction = z.infer<typeof outsideActionSchema>;

export function applyOutsideAction(
  state: CloudState,
  server: ServerRecord,
  wanted: OutsideAction,
): void {
  server.updatedMs = state.cloudNowMs();
  change(state, server, wanted);
  state.ledger.append({
    kind: "outside-change",
    at: state.schedule.nowMs(),
    serverId: server.id,
    action: wanted.action,
    isOn: isOn(server),
  });
}

function change(state: CloudState, server: ServerRecord, wanted: OutsideAction): void {
  switch (wanted.action) {
    case "stop":
      server.vmState = "stopped";
      return;
    case "start":
      server.vmState = "active";
      server.launchedMs = state.cloudNowMs();
      return;
    case "break":
      server.vmState = "error";
      server.fault = { code: 500, message: "Simulated error", createdMs: state.cloudNowMs() };
      return;
    case "lock":
      server.locked = true;
      return;
    case "unlock":
      server.locked = false;
      return;
    case "freeze":
      server.frozen = true;
      server.everFrozen = true;
      return;
    case "unfreeze":
      server.frozen = false;
      return;
    case "set-task":
      server.taskState = wanted.taskState;
      server.statusShown = null;
      return;
    case "swap-disk":
      swapDisk(state, server, wanted.diskId ?? randomUUID());
      return;
    case "remove-disk":
      replaceSystemDisk(server, null);
      return;
    case "reinstall":
      startReinstall(state, server, {});
      return;
    case "delete":
      state.servers.delete(server.id);
  }
}

/** The old disk stays, detached. */
function swapDisk(state: CloudState, server: ServerRecord, diskId: string): void {
  replaceSystemDisk(server, diskId);
  state.putDisk(server, diskId, state.cloudNowMs());
}
