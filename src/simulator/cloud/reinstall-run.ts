import { randomUUID } from "node:crypto";
import type { CloudState } from "./cloud-state.ts";
import type { RunFault } from "../faults/fault-schema.ts";
import type { JobRecord } from "./job-record.ts";
import { clearTask, leaveFailed, runOperation } from "./operation-run.ts";
import { isOn, replaceSystemDisk, type ServerRecord, systemDiskId } from "./server-record.ts";

export interface StartedReinstall {
  readonly job: JobRecord;
  readonly oldDiskId: string | null;
  readonly newDiskId: string;
}

/** Where the system disk is taken away, as a part of the job's duration; the new one comes later. */
const DETACH_AT = 0.3;
const STOPPED_AT = 0.15;

/**
 * Starts a reinstall, whose preconditions are the caller's business: stop if it runs, detach the system disk, build
 * and attach a new one, end stopped or running (ECS API reference notes §1.1, §1.6, §2.5).
 */
export function startReinstall(
  state: CloudState,
  server: ServerRecord,
  run: RunFault,
): StartedReinstall {
  const { behaviour } = server;
  const oldDiskId = systemDiskId(server);
  const newDiskId = run.keepsDiskId === true && oldDiskId !== null ? oldDiskId : randomUUID();
  const view = run.view ?? behaviour.reinstallView;
  const before = server.vmState;
  const job = state.openJob({
    projectId: server.projectId,
    // No page documents the job type of a reinstall (§2.4); the audit service calls the operation so.
    type: "reinstallOsV2",
    serverIds: [server.id],
    showSubJobs: run.subJobs ?? behaviour.subJobs,
    run,
  });

  /** Of the two disks the cloud deletes what it does not leave attached. */
  function forgetDetached(): void {
    for (const id of [oldDiskId, newDiskId]) {
      if (id !== null && id !== systemDiskId(server)) state.disks.delete(id);
    }
  }

  const operation = runOperation(state, {
    job,
    server,
    durationMs: behaviour.jobDurationMs,
    failure: run.fail,
    succeed() {
      replaceSystemDisk(server, newDiskId);
      forgetDetached();
      clearTask(server);
      const endsAs = run.endsAs ?? behaviour.endsAs;
      server.vmState = endsAs === "ACTIVE" ? "active" : "stopped";
      if (endsAs === "ACTIVE") server.launchedMs = state.cloudNowMs();
      server.fault = null;
      server.reinstallFailed = false;
    },
    fail() {
      const disk = run.fail?.disk ?? "kept";
      replaceSystemDisk(server, { kept: oldDiskId, replaced: newDiskId, lost: null }[disk]);
      forgetDetached();
      leaveFailed(state, { server, failure: run.fail }, { before, usual: "shutoff" });
      server.reinstallFailed = true;
    },
    ended(end) {
      server.reinstalledMs = state.schedule.nowMs();
      state.ledger.append({
        kind: "reinstall-finished",
        at: state.schedule.nowMs(),
        serverId: server.id,
        jobId: job.id,
        succeeded: end === null,
        errorCode: end?.code ?? null,
        diskId: systemDiskId(server),
        isOn: isOn(server),
      });
    },
  });

  // A cloud that keeps the disk's id keeps the disk.
  if (newDiskId !== oldDiskId) {
    operation.step(DETACH_AT, () => state.putDisk(server, newDiskId, state.cloudNowMs()));
  }
  const stops = before === "active";
  if (stops) show(server, view, "powering-off");
  else show(server, view, "reinstalling");
  if (view !== "invisible") {
    operation.step(STOPPED_AT, () => {
      server.vmState = before === "error" ? "error" : "stopped";
      show(server, view, "reinstalling");
    });
    operation.step(DETACH_AT, () => {
      replaceSystemDisk(server, null);
      note(server, state, "detach_volume");
    });
    operation.step(DETACH_AT + behaviour.diskMissingFraction, () => {
      replaceSystemDisk(server, newDiskId);
      note(server, state, "attach_volume");
    });
  }
  return { job, oldDiskId, newDiskId };
}

/** Makes the server look busy in the way of its view. */
function show(
  server: ServerRecord,
  view: NonNullable<RunFault["view"]>,
  task: "powering-off" | "reinstalling",
): void {
  if (view === "plain" || view === "invisible") return;
  if (task === "powering-off") {
    server.taskState = task;
    return;
  }
  server.taskState = view === "rebuild" ? "rebuilding" : task;
  // By the table of §3.3 an unlisted task makes the status UNKNOWN; §3.5 expects a plain SHUTOFF instead.
  server.statusShown = view === "task" && server.vmState === "stopped" ? "SHUTOFF" : null;
}

function note(server: ServerRecord, state: CloudState, action: string): void {
  server.actionLog.push({ action, requestId: `req-${randomUUID()}`, atMs: state.cloudNowMs() });
}
