import type { CloudState } from "../cloud/cloud-state.ts";
import type { JobPart, JobRecord } from "../cloud/job-record.ts";

/** What a job query finds: a body, or the reason why there is none. */
export type JobView =
  | { readonly kind: "found"; readonly body: Readonly<Record<string, unknown>> }
  | { readonly kind: "gone"; readonly status: 400 | 404 };

/** The answer of ECS API reference notes §2.2, bent by the faults of the job. */
export function viewJob(state: CloudState, projectId: string, jobId: string): JobView {
  const job = state.jobs.get(jobId);
  if (job === undefined || job.projectId !== projectId) return { kind: "gone", status: 400 };
  const { jobUnknownForMs = 0, jobVanishesAfterMs = Infinity, jobGoneAnswer } = job.run;
  const ageMs = state.schedule.nowMs() - job.beginMs;
  if (ageMs < jobUnknownForMs || ageMs >= jobVanishesAfterMs) {
    return { kind: "gone", status: jobGoneAnswer === "404" ? 404 : 400 };
  }
  const skewMs = state.cloudNowMs() - state.schedule.nowMs();
  const errorKeys = state.settings.runningJobErrorKeys;
  const show = (one: JobRecord | JobPart) => ({
    ...progress(one, job, skewMs),
    ...errors(one, errorKeys),
  });
  const shown =
    job.run.jobOursAfterMs === undefined ? entities(job, show) : growing(job, show, ageMs);
  return { kind: "found", body: { ...show(job), entities: shown } };
}

function progress(one: JobRecord | JobPart, job: JobRecord, skewMs: number) {
  const status = one.endMs === null ? (job.run.jobStatusText ?? one.status) : one.status;
  return {
    status,
    job_id: one.id,
    job_type: job.type,
    begin_time: new Date(job.beginMs + skewMs).toISOString(),
    end_time: one.endMs === null ? "" : new Date(one.endMs + skewMs).toISOString(),
  };
}

function errors(one: JobRecord | JobPart, whileRunning: "null" | "absent") {
  if (one.endMs === null && whileRunning === "absent") return {};
  return { error_code: one.errorCode, fail_reason: one.failReason };
}

function entities(job: JobRecord, show: (one: JobPart) => object) {
  const shownId = (part: JobPart) => job.run.jobServerId ?? part.serverId;
  const [only] = job.parts;
  if (!job.showSubJobs && only !== undefined) return { server_id: shownId(only) };
  return {
    sub_jobs_total: job.parts.length,
    sub_jobs: job.parts.map((part) => ({
      ...show(part),
      entities: {
        server_id: shownId(part),
        ...(part.failReason !== null && { errorcode_message: part.failReason }),
      },
    })),
  };
}

/** A temporary server does part of the work, and its sub-job is listed first (ECS API reference notes §2.5). */
function growing(job: JobRecord, show: (one: JobPart) => object, ageMs: number) {
  const { jobOursAfterMs = 0 } = job.run;
  const temporary: JobPart = {
    id: `${job.id}-temporary`,
    serverId: TEMPORARY_SERVER,
    status: ageMs < jobOursAfterMs ? "RUNNING" : "SUCCESS",
    endMs: ageMs < jobOursAfterMs ? null : job.beginMs + jobOursAfterMs,
    errorCode: null,
    failReason: null,
  };
  const parts = ageMs < jobOursAfterMs ? [temporary] : [temporary, ...job.parts];
  return {
    sub_jobs_total: parts.length,
    sub_jobs: parts.map((part) => ({ ...show(part), entities: { server_id: part.serverId } })),
  };
}

const TEMPORARY_SERVER = "7e3b0a11-0000-4000-8000-0000000000aa";
