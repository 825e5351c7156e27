import { randomBytes } from "node:crypto";
import type { RunFault } from "../faults/fault-schema.ts";

/** A job as the cloud keeps it. `status` is the truth; the faults bend what a query shows of it. */
export interface JobRecord {
  readonly id: string;
  readonly projectId: string;
  readonly type: string;
  readonly beginMs: number;
  status: "INIT" | "RUNNING" | "SUCCESS" | "FAIL";
  endMs: number | null;
  errorCode: string | null;
  failReason: string | null;
  /** One for each server of a batch; a single one is shown directly unless `showSubJobs`. */
  readonly parts: readonly JobPart[];
  readonly showSubJobs: boolean;
  readonly run: RunFault;
}

export interface JobPart {
  readonly id: string;
  readonly serverId: string;
  status: "INIT" | "RUNNING" | "SUCCESS" | "FAIL";
  endMs: number | null;
  errorCode: string | null;
  failReason: string | null;
}

export interface JobSpec {
  readonly projectId: string;
  readonly type: string;
  readonly serverIds: readonly string[];
  readonly showSubJobs: boolean;
  readonly run: RunFault;
}

export function createJobRecord(spec: JobSpec, nowMs: number): JobRecord {
  const { serverIds, ...rest } = spec;
  return {
    ...rest,
    id: randomJobId(),
    beginMs: nowMs,
    status: "INIT",
    endMs: null,
    errorCode: null,
    failReason: null,
    parts: serverIds.map((serverId) => ({
      id: randomJobId(),
      serverId,
      status: "INIT",
      endMs: null,
      errorCode: null,
      failReason: null,
    })),
  };
}

export function startJob(job: JobRecord): void {
  for (const one of [job, ...job.parts]) {
    if (one.status === "INIT") one.status = "RUNNING";
  }
}

/** How one server's part ended; null: well. */
export type PartEnd = { readonly code: string; readonly reason: string } | null;

/** Ends one server's part, and the job with the last of them. What has ended stays as it is. True when the job ended. */
export function endPart(job: JobRecord, serverId: string, end: PartEnd, nowMs: number): boolean {
  const part = job.parts.find((one) => one.serverId === serverId);
  if (part === undefined || part.endMs !== null) return false;
  close(part, end, nowMs);
  if (job.endMs !== null || job.parts.some((one) => one.endMs === null)) return false;
  const failed = job.parts.find((one) => one.status === "FAIL");
  close(
    job,
    failed === undefined
      ? null
      : { code: failed.errorCode ?? "Common.0021", reason: failed.failReason ?? "" },
    nowMs,
  );
  return true;
}

/** Makes the job say `SUCCESS` whatever its work does: the vendor's known early success (ECS API reference notes §9). */
export function declareSuccess(job: JobRecord, nowMs: number): boolean {
  if (job.endMs !== null) return false;
  for (const part of job.parts) {
    if (part.endMs === null) close(part, null, nowMs);
  }
  close(job, null, nowMs);
  return true;
}

function close(
  one: Pick<JobRecord, "status" | "endMs" | "errorCode" | "failReason">,
  end: PartEnd,
  nowMs: number,
): void {
  one.status = end === null ? "SUCCESS" : "FAIL";
  one.endMs = nowMs;
  one.errorCode = end?.code ?? null;
  one.failReason = end?.reason ?? null;
}

function randomJobId(): string {
  return randomBytes(16).toString("hex");
}
