import { describe, expect, it } from "vitest";
import { jobFrom } from "../../../../src/adapters/cloud/operations/jobs.ts";
import type { JobId } from "../../../../src/contract/ids.ts";
import { ServerId } from "../../../../src/contract/ids.ts";
import { answer } from "./answers.ts";

const SERVER = ServerId.parse("4f4b3dfa-0000-4000-8000-000000000001");
const OTHER = "4f4b3dfa-0000-4000-8000-000000000009";
const JOB = "ff80808200000000000000000000abcd" as JobId;

/** The running example of ECS API notes §2.2. */
const RUNNING = {
  status: "RUNNING",
  job_id: JOB,
  job_type: "…",
  begin_time: "2024-01-10T08:09:10.123Z",
  end_time: "",
  error_code: null,
  fail_reason: null,
  entities: { server_id: SERVER },
};

describe("a look at a job", () => {
  it.each(["INIT", "RUNNING", "PENDING_PAYMENT", "TOMORROW"])(
    "takes %s for not finished",
    (status) => {
      expect(jobFrom(answer({ ...RUNNING, status }), SERVER, JOB)).toEqual({
        kind: "running",
        jobStatus: status,
        subJobs: null,
      });
    },
  );

  it("takes a job without its error keys", () => {
    const { error_code: _code, fail_reason: _reason, ...rest } = RUNNING;
    expect(jobFrom(answer(rest), SERVER, JOB).kind).toBe("running");
  });

  it("knows when a job ended, if it says so", () => {
    const done = { ...RUNNING, status: "SUCCESS", end_time: "2024-01-10T08:10:02.456Z" };
    expect(jobFrom(answer(done), SERVER, JOB)).toEqual({
      kind: "succeeded",
      endedAtMs: Date.UTC(2024, 0, 10, 8, 10, 2, 456),
    });
    expect(jobFrom(answer({ ...done, end_time: "" }), SERVER, JOB)).toMatchObject({
      endedAtMs: null,
    });
  });

  it("tells why a job failed, by its sub-job where it says more", () => {
    const sub = {
      status: "FAIL",
      error_code: "Ecs.0202",
      fail_reason: "system disk could not be created",
      entities: { server_id: SERVER, errorcode_message: "volume quota" },
    };
    const failed = { ...RUNNING, status: "FAIL", entities: { sub_jobs_total: 1, sub_jobs: [sub] } };
    expect(jobFrom(answer(failed), SERVER, JOB)).toEqual({
      kind: "failed",
      cloudCode: "Ecs.0202",
      message: "system disk could not be created: volume quota",
    });
    const bare = { ...RUNNING, status: "FAIL" };
    expect(jobFrom(answer(bare), SERVER, JOB)).toEqual({
      kind: "failed",
      cloudCode: "unknown",
      message: "the cloud gave no reason",
    });
  });

  it("counts sub-jobs", () => {
    const sub_jobs = ["SUCCESS", "FAIL", "RUNNING"].map((status) => ({
      status,
      entities: { server_id: SERVER },
    }));
    expect(jobFrom(answer({ ...RUNNING, entities: { sub_jobs } }), SERVER, JOB)).toMatchObject({
      subJobs: { total: 3, done: 2 },
    });
    const told = { sub_jobs_total: 5, sub_jobs };
    expect(jobFrom(answer({ ...RUNNING, entities: told }), SERVER, JOB)).toMatchObject({
      subJobs: { total: 5, done: 2 },
    });
  });

  it.each([
    ["directly", "job", { server_id: OTHER }],
    [
      "by its sub-jobs",
      "sub-jobs",
      { sub_jobs: [{ status: "INIT", entities: { server_id: OTHER } }] },
    ],
    [
      "directly, whatever its sub-jobs name",
      "job",
      { server_id: OTHER, sub_jobs: [{ entities: { server_id: SERVER } }] },
    ],
  ])("finds out that a job is about another server, named %s", (_how, by, entities) => {
    expect(jobFrom(answer({ ...RUNNING, entities }), SERVER, JOB)).toEqual({
      kind: "foreign",
      serverId: OTHER,
      by,
    });
  });

  it.each([
    ["nobody", {}],
    ["nobody yet", { server_id: "", sub_jobs: [] }],
    ["no entities", null],
    ["our server in capitals", { server_id: SERVER.toUpperCase() }],
    [
      "a temporary server beside ours",
      { sub_jobs: [{ entities: { server_id: OTHER } }, { entities: { server_id: SERVER } }] },
    ],
  ])("takes a job that names %s for ours", (_who, entities) => {
    expect(jobFrom(answer({ ...RUNNING, entities }), SERVER, JOB).kind).toBe("running");
  });

  it.each([
    ["another job", { ...RUNNING, job_id: "other" }],
    ["no status", { job_id: JOB }],
    ["a status that is no text", { ...RUNNING, status: 1 }],
    ["nothing", ""],
  ])("learns nothing from %s", (_what, body) => {
    expect(jobFrom(answer(body), SERVER, JOB).kind).toBe("unreadable");
  });
});
