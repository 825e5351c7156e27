import { randomUUID } from "node:crypto";
import type { CloudState } from "./cloud-state.ts";
import type { RunFault } from "./fault-schema.ts";
import type { JobRecord } from "./job-record.ts";
import { clearTask, leaveFailed, runOperation } from "./operation-run.ts";
import type { ServerRecord } from "./server-record.ts";

export type PowerOrder =
  | { readonly kind: "stop"; readonly type: "SOFT" | "HARD" }
  | { readonly kind: "start" };

/** Starts stopping or starting servers, whose preconditions are the caller's business: one job, one part a server. */
export function startPowerJob(
  state: CloudState,
  servers: readonly ServerRecord[],
  order: PowerOrder,
  run: RunFault,
): JobRecord {
  const job = state.openJob({
    projectId: servers[0]?.projectId ?? "",
    type: order.kind === "stop" ? "stopServer" : "startServer",
    serverIds: servers.map((server) => server.id),
    // A batch reports one sub-job per server (ECS API reference notes §4, inferred).
    showSubJobs: run.subJobs ?? true,
    run,
  });
  for (const server of servers) runPower(state, server, order, job);
  return job;
}

function runPower(
  state: CloudState,
  server: ServerRecord,
  order: PowerOrder,
  job: JobRecord,
): void {
  const before = server.vmState;
  const { stopDurationMs, startDurationMs } = server.behaviour;
  const soft = order.kind === "stop" && order.type === "SOFT";
  if (!soft) server.giveUpSoftStop?.();
  server.taskState = order.kind === "stop" ? "powering-off" : "powering-on";
  server.actionLog.push({
    action: order.kind,
    requestId: `req-${randomUUID()}`,
    atMs: state.cloudNowMs(),
  });
  const operation = runOperation(state, {
    job,
    server,
    durationMs: order.kind === "stop" ? stopDurationMs : startDurationMs,
    hangs: soft && server.behaviour.softStopHangs,
    succeed() {
      clearTask(server);
      server.vmState = order.kind === "stop" ? "stopped" : "active";
      if (order.kind === "start") server.launchedMs = state.cloudNowMs();
    },
    fail: () => leaveFailed(state, { server, job }, { before, usual: "unchanged" }),
    ended(end) {
      server.giveUpSoftStop = null;
      state.ledger.append({
        kind: order.kind === "stop" ? "stop-finished" : "start-finished",
        at: state.schedule.nowMs(),
        serverId: server.id,
        jobId: job.id,
        succeeded: end === null,
      });
    },
  });
  if (soft) {
    server.giveUpSoftStop = () =>
      operation.end({ code: "Ecs.0100", reason: "overtaken by a forced stop" }, () =>
        clearTask(server),
      );
  }
}
