import type { CloudState } from "./cloud-state.ts";
import { endPart, type JobRecord, type PartEnd, startJob } from "./job-record.ts";
import type { RunFault } from "../faults/fault-schema.ts";
import type { ServerRecord } from "./server-record.ts";

/** One operation under way on one server: a time line of steps that ends well or badly. */
export interface OperationRun {
  /** Schedules a step at a fraction of the duration, unless the operation will have ended or hung before. */
  step(fraction: number, act: () => void): void;
  /** Ends the operation at once; what was still to come does not happen. */
  end(end: PartEnd, leave: () => void): void;
}

type Failure = RunFault["fail"];

interface OperationSpec {
  readonly job: JobRecord;
  readonly server: ServerRecord;
  readonly durationMs: number;
  /** It never comes to an end by itself. */
  readonly hangs?: boolean;
  /** How it ends badly; undefined: it does not. */
  readonly failure: Failure;
  /** The last step: leaves the server as a success leaves it. */
  readonly succeed: () => void;
  /** Leaves the server as the failure leaves it. */
  readonly fail: () => void;
  readonly ended: (end: PartEnd) => void;
}

/**
 * Runs an operation of a job on a server, bent by the job's faults. The server counts as busy from now until the end,
 * whatever it shows.
 */
export function runOperation(state: CloudState, spec: OperationSpec): OperationRun {
  const { job, server, failure } = spec;
  const { run } = job;
  const { schedule, ledger } = state;
  const startMs = schedule.nowMs();
  const durationMs = run.durationMs ?? spec.durationMs;
  const lastFraction = Math.min(run.hangsAtFraction ?? 2, failure?.atFraction ?? 2);
  let over = false;

  server.running.add(job.id);
  ledger.noteConcurrency(server.id, server.running.size);

  function step(fraction: number, act: () => void): void {
    if (fraction > lastFraction) return;
    schedule.at(startMs + durationMs * fraction, () => {
      if (!over) act();
    });
  }

  function end(end: PartEnd, leave: () => void): void {
    if (over) return;
    over = true;
    server.running.delete(job.id);
    // A server that was deleted meanwhile has nothing left to change.
    const gone = state.servers.get(server.id) !== server;
    const result = gone ? { code: "Ecs.0114", reason: "the server does not exist" } : end;
    if (!gone) leave();
    server.updatedMs = state.cloudNowMs();
    if (run.jobStuck !== true && endPart(job, server.id, result, schedule.nowMs())) {
      state.forgetLater(job);
    }
    spec.ended(result);
  }

  step(0.05, () => startJob(job));
  if (run.successAtFraction !== undefined) {
    schedule.at(startMs + durationMs * run.successAtFraction, () => state.succeedEarly(job));
  }
  if (run.hangsAtFraction === undefined && spec.hangs !== true) {
    if (failure === undefined) {
      schedule.at(startMs + durationMs, () => end(null, spec.succeed));
    } else {
      const reason = failure.reason ?? "simulated failure";
      schedule.at(startMs + durationMs * failure.atFraction, () =>
        end({ code: failure.code, reason }, spec.fail),
      );
    }
  }
  return { step, end };
}

/** The task goes when the last operation on the server has ended: lax clouds run two at a time. */
export function clearTask(server: ServerRecord): void {
  if (server.running.size > 0) return;
  server.taskState = null;
  server.statusShown = null;
}

/** Leaves the server in the state that the fault names, or else in `usual`. */
export function leaveFailed(
  state: CloudState,
  { server, failure }: Pick<OperationSpec, "server" | "failure">,
  { before, usual }: { before: ServerRecord["vmState"]; usual: "shutoff" | "unchanged" },
): void {
  clearTask(server);
  switch (failure?.server ?? usual) {
    case "error":
      server.vmState = "error";
      server.fault = {
        code: 500,
        message: failure?.reason ?? "Simulated failure",
        createdMs: state.cloudNowMs(),
      };
      return;
    case "shutoff":
      server.vmState = "stopped";
      return;
    case "unchanged":
      server.vmState = before;
  }
}
