import { randomUUID } from "node:crypto";
import type { CloudState } from "./cloud-state.ts";
import type { RunFault } from "../faults/fault-schema.ts";
import type { JobRecord } from "./job-record.ts";
import { clearTask, leaveFailed, runOperation } from "./operation-run.ts";
import type { StartEnds } from "../options.ts";
import { isOn, type ServerRecord } from "./server-record.ts";

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
  // Accepted all the same (`repeatedPower`): over at once.
  const isRepeated = isOn(server) === (order.kind === "start");
  const startEnds = job.run.startEnds ?? server.behaviour.startEnds;
  const failure =
    isRepeated || order.kind === "stop" ? job.run.fail : failureOf(startEnds, job.run);
  const soft = order.kind === "stop" && order.type === "SOFT";
  if (!soft) server.giveUpSoftStop?.();
  if (!isRepeated) server.taskState = order.kind === "stop" ? "powering-off" : "powering-on";
  server.actionLog.push({
    action: order.kind,
    requestId: `req-${randomUUID()}`,
    atMs: state.cloudNowMs(),
  });
  const operation = runOperation(state, {
    job,
    server,
    durationMs: isRepeated ? 0 : durationOf(server, order),
    hangs: soft && server.behaviour.softStopHangs && !isRepeated,
    failure,
    succeed() {
      clearTask(server);
      if (isRepeated || (order.kind === "start" && startEnds === "stays-off")) return;
      server.vmState = order.kind === "stop" ? "stopped" : "active";
      if (order.kind === "start") server.launchedMs = state.cloudNowMs();
    },
    fail: () => leaveFailed(state, { server, failure }, { before, usual: "unchanged" }),
    ended(end) {
      server.giveUpSoftStop = null;
      state.ledger.append({
        kind: order.kind === "stop" ? "stop-finished" : "start-finished",
        at: state.schedule.nowMs(),
        serverId: server.id,
        jobId: job.id,
        succeeded: end === null,
        isOn: isOn(server),
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

/** A start fails by its fault, or as `startEnds` says. */
function failureOf(startEnds: StartEnds, { fail }: RunFault): RunFault["fail"] {
  if (fail !== undefined || startEnds === "running" || startEnds === "stays-off") return fail;
  const server = startEnds === "error" ? "error" : "unchanged";
  return { code: "Ecs.0226", reason: "the server could not be started", server, ...AT_THE_END };
}

/** Of the disk nothing is said: no start touches it. */
const AT_THE_END = { atFraction: 1, disk: "kept" } as const;

function durationOf({ behaviour }: ServerRecord, { kind }: PowerOrder): number {
  return kind === "stop" ? behaviour.stopDurationMs : behaviour.startDurationMs;
}
