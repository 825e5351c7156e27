import { CommandId, JobId } from "../../../../src/contract/ids.ts";
import type { State } from "../../../../src/core/state/state.ts";
import { DISK } from "../rig/samples.ts";
import type { Step } from "./steps.ts";

/** A state of the model's commands. */
export function stateOf(phase: Extract<Step, { op: "save" }>["phase"], nowMs: number): State {
  const tries = { attempt: 1, spent: 0 };
  const waits = { phase: "waiting", body: { userid: "user" }, tries, sinceMs: nowMs } as const;
  if (phase === "busy") return { ...waits, waitsFor: "server-busy" };
  if (phase === "paused") return { ...waits, waitsFor: "pause" };
  if (phase === "cap" || phase === "group-cap") return { ...waits, waitsFor: phase };
  if (phase === "submit") {
    const before = { systemDiskId: DISK, status: "SHUTOFF", atMs: 0 };
    return { phase, body: { userid: "user" }, tries: { attempt: 2, spent: 0 }, before };
  }
  if (phase === "joined") {
    return { phase, leader: CommandId.parse("cmd-9"), sinceMs: nowMs };
  }
  if (phase === "inquiry") {
    const before = { systemDiskId: DISK, status: "SHUTOFF", atMs: 0 };
    return { phase, before, fenceAtMs: nowMs, why: "no-answer", sinceMs: nowMs, untilMs: nowMs };
  }
  return {
    phase,
    tries: { attempt: 1, spent: 0 },
    jobId: JobId.parse("job-1"),
    before: { systemDiskId: DISK, status: "SHUTOFF", atMs: 0 },
    acceptedAtMs: nowMs,
    deadlineMs: nowMs,
    announced: true,
    successes: 0,
    missing: 0,
  };
}
