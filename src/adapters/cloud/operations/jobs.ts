import { z } from "zod";
import type { JobId, ProjectId, ServerId } from "../../../contract/ids.ts";
import type { JobLook } from "../../../core/server/observations.ts";
import type { Answer } from "../answers/answer.ts";
import {
  isBare404,
  isEmittersFault,
  knownError,
  summary,
  unavailableBy,
} from "../answers/error-table.ts";
import { presentable } from "../http/redact.ts";
import type { ReadDeps } from "./servers.ts";
import { encodeRfc3986 } from "../credentials/signer.ts";

/** `GET /v1/{project}/jobs/{job}`: v1 even for a v2 reinstall (ECS API notes §2.1). */
export function createJob({ calls, service, send }: ReadDeps) {
  return async function job(
    project: ProjectId,
    server: ServerId,
    id: JobId,
    signal: AbortSignal,
  ): Promise<JobLook> {
    const path = `/v1/${project}/jobs/${encodeRfc3986(id)}`;
    const called = await calls.call(
      { operation: "job", method: "GET", project, path, service, send },
      signal,
    );
    return called.kind === "unavailable"
      ? { ...called, kind: "unreadable" }
      : jobFrom(called.answer, server, id);
  };
}

/**
 * What an answer shows of a job. A query that fails says nothing about the job (ECS API notes §2.6). Pure.
 *
 * @internal
 */
export function jobFrom(answer: Answer, server: ServerId, id: JobId): JobLook {
  const body = answer.status === 200 && answer.code === null ? Job.safeParse(answer.json) : null;
  if (body?.success !== true) return notShown(answer);
  const job = body.data;
  if (job.job_id != null && job.job_id !== id) {
    return {
      kind: "unreadable",
      ...unavailableBy({ ...answer, message: "the answer is another job" }),
    };
  }
  const foreign = foreignServer(job, server);
  if (foreign !== null) return { kind: "foreign", ...foreign };
  switch (job.status) {
    case "SUCCESS":
      return { kind: "succeeded", endedAtMs: instant(job.end_time) };
    case "FAIL":
      return failure(job);
    default:
      // INIT, RUNNING, and whatever may come: not finished; the deadline handles it (ECS API notes §2.3).
      return {
        kind: "running",
        jobStatus: presentable(job.status, [], 40),
        subJobs: subJobs(job),
      };
  }
}

const MaybeText = z.string().nullish().catch(null);

const SubJob = z.looseObject({
  status: MaybeText,
  error_code: MaybeText,
  fail_reason: MaybeText,
  entities: z
    .looseObject({ server_id: MaybeText, errorcode_message: MaybeText })
    .nullish()
    .catch(null),
});

const Entities = z.looseObject({
  server_id: MaybeText,
  sub_jobs_total: z.number().int().nonnegative().nullish().catch(null),
  sub_jobs: z.array(SubJob).nullish().catch(null),
  errorcode_message: MaybeText,
});

const Job = z.looseObject({
  status: z.string().min(1),
  job_id: z.string().nullish(),
  end_time: MaybeText,
  error_code: MaybeText,
  fail_reason: MaybeText,
  entities: Entities.nullish().catch(null),
});
type Job = z.infer<typeof Job>;

function notShown(answer: Answer): JobLook {
  if (knownError(answer)?.job === "missing" || isBare404(answer)) {
    return { kind: "missing", cloudCode: answer.code ?? String(answer.status) };
  }
  const error = answer.code === null && answer.status === 200 ? "no job in the answer" : null;
  return { kind: "unreadable", ...unavailableBy(answer), message: error ?? summary(answer) };
}

/**
 * The id of another server, when the job is about that one. A reinstall may name its server directly or in
 * sub-jobs (ECS API notes §2.2), and a temporary server does the work (§2.5): one sub-job that names ours is enough.
 */
function foreignServer(
  { entities }: Job,
  server: ServerId,
): Pick<Extract<JobLook, { kind: "foreign" }>, "serverId" | "by"> | null {
  const isOurs = (id: string) => id.toLowerCase() === server;
  const direct = entities?.server_id;
  if (direct) return isOurs(direct) ? null : { serverId: direct, by: "job" };
  const named = (entities?.sub_jobs ?? []).flatMap((sub) => sub.entities?.server_id || []);
  const [first] = named;
  return first === undefined || named.some(isOurs) ? null : { serverId: first, by: "sub-jobs" };
}

function failure(job: Job): JobLook {
  const sub = (job.entities?.sub_jobs ?? []).find(({ status }) => status === "FAIL");
  const reasons = [job.fail_reason || sub?.fail_reason, sub?.entities?.errorcode_message];
  const message = presentable(reasons.filter(Boolean).join(": "));
  const code = job.error_code || sub?.error_code || "unknown";
  return {
    kind: "failed",
    cloudCode: presentable(code, [], 64),
    ...(isEmittersFault(code) && { emittersFault: true }),
    message: message === "" ? "the cloud gave no reason" : message,
  };
}

function subJobs({ entities }: Job): { readonly total: number; readonly done: number } | null {
  const list = entities?.sub_jobs ?? [];
  const total = entities?.sub_jobs_total ?? list.length;
  if (total === 0) return null;
  const done = list.filter(({ status }) => status === "SUCCESS" || status === "FAIL").length;
  return { total, done: Math.min(done, total) };
}

/** Empty while the job runs (ECS API notes §2.2). */
function instant(text: string | null | undefined): number | null {
  const atMs = Date.parse(text ?? "");
  return Number.isNaN(atMs) ? null : atMs;
}
