import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ERRORS_PAGE, renderErrors } from "../../../../scripts/generate-errors.ts";
import { ERROR_ROWS } from "../../../../src/adapters/cloud/answers/error-rows.ts";
import {
  isAuthenticationFailure,
  knownError,
  provesAuthentication,
} from "../../../../src/adapters/cloud/answers/error-table.ts";
import { jobFrom } from "../../../../src/adapters/cloud/operations/jobs.ts";
import { submissionFrom } from "../../../../src/adapters/cloud/operations/reinstall.ts";
import { lookFrom } from "../../../../src/adapters/cloud/operations/servers.ts";
import { powerFrom } from "../../../../src/adapters/cloud/operations/power.ts";
import type { JobId } from "../../../../src/contract/ids.ts";
import { ServerId } from "../../../../src/contract/ids.ts";
import { answer, ecsError } from "./answers.ts";

const SERVER = ServerId.parse("4f4b3dfa-0000-4000-8000-000000000001");
const JOB = "j-1" as JobId;

/** Written by hand from the brief of the protocol, not from the table: what a POST's first answer proves. */
const REFUSED =
  "Ecs.0000 Ecs.0001 Ecs.0003 Ecs.0005 Ecs.0007 Ecs.0011 Ecs.0021 Ecs.0023 Ecs.0025 Ecs.0030 Ecs.0031 Ecs.0032 Ecs.0066 Ecs.0067 Ecs.0068 Ecs.0069 Ecs.0070 Ecs.0071 Ecs.0090 Ecs.0105 Ecs.0110 Ecs.0114 Ecs.0119 Ecs.0314 Ecs.0605 Ecs.0614 Ecs.0912 Pdp.0001 Common.0002 Common.0018 APIGW.0101 APIGW.0302 APIGW.0304 APIGW.0306 APIGW.0310 APIGW.0402 APIGW.0802";
const UNKNOWN =
  "Ecs.0002 Ecs.0004 Ecs.0122 Ecs.0123 Ecs.0124 Ecs.0202 Ecs.0208 Ecs.0226 Ecs.0227 Ecs.0301 Ecs.0304 Ecs.0402 Ecs.0503 Ecs.0615 Ecs.1000 Ecs.1001 Ecs.1002 Ecs.1100 Ecs.1200 Ecs.1201 Ecs.1300 Common.0001 Common.0011 Common.0020 Common.0021 Common.0022 Common.0025 Common.0999 APIGW.0202 APIGW.0203 APIGW.0601 APIGW.0605 APIGW.0606 APIGW.0608 APIGW.0613 IAM.0001 IAM.0012 Ecs.9999 Common.7777 APIGW.9999 whatever 400 404 409 429 500";
const LATER = {
  "server-unstable": "Ecs.0073 Ecs.0100 Ecs.0101 Ecs.0102 Ecs.0103 Ecs.0603",
  throttled: "Common.0024 Common.1503 APIGW.0308 APIG.0308",
  "cloud-unavailable": "Common.0013 APIGW.0301 APIGW.0303 APIGW.0305 APIGW.0307 APIG.0301",
};
const words = (text: string) => text.split(" ");

describe("a POST's first answer", () => {
  it.each(words(REFUSED))("proves with %s that it was rejected for good", (code) => {
    expect(submissionFrom(ecsError(400, code))).toMatchObject({
      kind: "refused",
      refusal: { cloudCode: code, retryable: false, httpStatus: 400 },
    });
  });

  it.each(words(UNKNOWN))("proves nothing with %s", (code) => {
    for (const status of [400, 409, 500, 502]) {
      expect(submissionFrom(ecsError(status, code))).toMatchObject({ kind: "unknown" });
    }
  });

  it.each(
    Object.entries(LATER).flatMap(([waitsFor, codes]) =>
      words(codes).map((code) => ({ code, waitsFor })),
    ),
  )("proves with $code that it was rejected for now, waiting for $waitsFor", (row) => {
    for (const status of [202, 400, 401, 429, 501, 503]) {
      expect(submissionFrom(ecsError(status, row.code))).toMatchObject({
        kind: "later",
        waitsFor: row.waitsFor,
        refusal: { retryable: true },
      });
    }
  });

  it("covers every code of the table here", () => {
    const told = new Set([
      ...words(REFUSED),
      ...words(UNKNOWN),
      ...Object.values(LATER).flatMap(words),
    ]);
    const apart = /^(APIGW\.0201|IAM\.006\d|401|[a-z]\w+)$/;
    const missing = ERROR_ROWS.map(({ code }) => code).filter(
      (c) => !told.has(c) && !apart.test(c),
    );
    expect(missing).toEqual([]);
  });

  it.each([200, 201, 202, 204])(
    "is an acceptance with a job id, whatever the 2xx: %s",
    (status) => {
      expect(submissionFrom(answer({ job_id: "j" }, { status }))).toEqual({
        kind: "accepted",
        jobId: "j",
      });
    },
  );

  it.each([
    ["nothing", "", 200],
    ["nothing, by its status", "", 204],
    ["an empty object", {}, 202],
    ["an empty job id", { job_id: "" }, 200],
    ["no job id", { job_id: null }, 200],
    ["a job id that is no text", { job_id: 7 }, 200],
    ["HTML", "<html>ok</html>", 200],
    ["half an object", '{"job_id":"j', 200],
    ["a job id with an error's status", { job_id: "j" }, 500],
    ["a job id with a known error", { job_id: "j", error: { code: "Ecs.0005", message: "" } }, 400],
    ["a redirect", "", 307],
    ["an unknown code of validation", { error: { code: "Ecs.0042", message: "bad" } }, 400],
    ["a 401 that nobody signed", "<html>login</html>", 401],
    ["a 429 without a code", "", 429],
    ["a 503 without a code", "busy", 503],
    ["a 403 of some firewall", "<html>blocked</html>", 403],
  ])("proves nothing with %s", (_what, body, status) => {
    expect(submissionFrom(answer(body, { status }))).toMatchObject({ kind: "unknown" });
  });

  it("is a rejection even with 2xx when a known error says so", () => {
    expect(submissionFrom(ecsError(202, "Ecs.0005"))).toMatchObject({ kind: "refused" });
    expect(submissionFrom(answer({ error_code: "Common.0024" }, { status: 202 }))).toMatchObject({
      kind: "later",
      waitsFor: "throttled",
    });
  });

  it("tells the gateway's bad request from its dead backend by the status", () => {
    for (const status of [400, 413, 414, 494]) {
      expect(submissionFrom(ecsError(status, "APIGW.0201")).kind).toBe("refused");
    }
    for (const status of [502, 504, 200]) {
      expect(submissionFrom(ecsError(status, "APIGW.0201")).kind).toBe("unknown");
    }
  });

  it.each(["Ecs.1000", "Ecs.1001"])("finds the 404 that %s wraps", (code) => {
    const wrapped = ecsError(400, code, '{"itemNotFound": {"code": 404}}');
    expect(submissionFrom(wrapped)).toMatchObject({
      kind: "refused",
      refusal: { class: "not-found", cloudCode: code },
    });
    expect(lookFrom(wrapped, SERVER)).toMatchObject({ kind: "absent" });
  });

  it("carries how long the cloud asked to wait", () => {
    const throttled = answer(
      { error_code: "APIGW.0308", error_msg: "limit:200,time:5 minute" },
      { status: 429 },
    );
    expect(submissionFrom(throttled)).toMatchObject({ kind: "later", retryAfterMs: 300_000 });
  });
});

describe("a native fault", () => {
  it.each([
    ["itemNotFound", 404, "absent", "refused"],
    ["badRequest", 400, "refused", "unknown"],
    ["forbidden", 403, "refused", "unknown"],
    ["conflictingRequest", 409, "unreadable", "unknown"],
    ["overLimit", 413, "unreadable", "unknown"],
    ["computeFault", 500, "unreadable", "unknown"],
  ])("is known by its name: %s", (fault, status, look, submission) => {
    const body = { [fault]: { message: "no", code: String(status) } };
    const seen = answer(body, { status });
    expect(lookFrom(seen, SERVER).kind).toBe(look);
    expect(submissionFrom(seen).kind).toBe(submission);
  });
});

describe("other calls", () => {
  it("take only a service's word for a server that does not exist", () => {
    expect(lookFrom(ecsError(404, "Ecs.0114"), SERVER).kind).toBe("absent");
    expect(lookFrom(ecsError(404, "Ecs.0614"), SERVER).kind).toBe("absent");
    expect(lookFrom(ecsError(404, "APIGW.0101"), SERVER)).toMatchObject({
      kind: "refused",
      refusal: { class: "configuration" },
    });
    expect(lookFrom(answer("<html>404</html>", { status: 404 }), SERVER).kind).toBe("unreadable");
  });

  it("take a job for missing by its code or by a 404 of the service, not of somebody in between", () => {
    expect(jobFrom(ecsError(400, "Common.0011"), SERVER, JOB)).toEqual({
      kind: "missing",
      cloudCode: "Common.0011",
    });
    expect(jobFrom(answer("", { status: 404 }), SERVER, JOB)).toMatchObject({ kind: "missing" });
    expect(jobFrom(ecsError(404, "Ecs.7777"), SERVER, JOB)).toMatchObject({ kind: "missing" });
    expect(jobFrom(ecsError(404, "APIGW.0101"), SERVER, JOB).kind).toBe("unreadable");
    expect(jobFrom(answer("<p>404</p>", { status: 404 }), SERVER, JOB).kind).toBe("unreadable");
  });

  it("learn nothing of a job from a query that is refused", () => {
    for (const { code } of ERROR_ROWS) {
      if (code === "Common.0011" || code === "itemNotFound") continue;
      expect(jobFrom(ecsError(400, code), SERVER, JOB).kind).toBe("unreadable");
    }
  });

  it("take a stop that meets the wrong state for a reason to look again", () => {
    for (const code of ["Ecs.0100", "Ecs.0603"]) {
      expect(powerFrom(ecsError(400, code))).toMatchObject({
        kind: "refused",
        refusal: { retryable: true },
      });
    }
    expect(powerFrom(ecsError(403, "Pdp.0001"))).toMatchObject({ refusal: { retryable: false } });
    expect(powerFrom(answer({ job_id: "j" }))).toEqual({ kind: "accepted", jobId: "j" });
    expect(powerFrom(answer("", { status: 204 }))).toEqual({ kind: "accepted", jobId: null });
    expect(powerFrom(answer("<html>", { status: 200 })).kind).toBe("unreadable");
  });

  it("take a stop or a start that is throttled for refused: it was not carried out, no more than a POST", () => {
    for (const [status, code] of [
      [202, "Common.0024"],
      [429, "APIGW.0308"],
      [503, "Common.1503"],
    ] as const) {
      expect(powerFrom(ecsError(status, code))).toMatchObject({
        kind: "refused",
        refusal: { class: "throttled", retryable: true },
      });
    }
    expect(powerFrom(answer("", { status: 503 })).kind).toBe("unreadable");
    expect(powerFrom(answer("", { status: 429 })).kind).toBe("unreadable");
  });
});

describe("authentication", () => {
  it("fails with 401 of any kind, or with a code that says so", () => {
    expect(isAuthenticationFailure(answer("<html>", { status: 401 }))).toBe(true);
    expect(isAuthenticationFailure(ecsError(400, "Common.0013"))).toBe(true);
    expect(isAuthenticationFailure(ecsError(403, "APIGW.0302"))).toBe(false);
  });

  it("is proven by what only a service behind the gateway says", () => {
    expect(provesAuthentication(answer({ job_id: "j" }))).toBe(true);
    expect(provesAuthentication(ecsError(400, "Ecs.0100"))).toBe(true);
    expect(provesAuthentication(ecsError(429, "APIGW.0308"))).toBe(false);
    expect(provesAuthentication(ecsError(503, "Common.1503"))).toBe(false);
    expect(provesAuthentication(answer("<html>ok</html>"))).toBe(false);
    expect(provesAuthentication(answer("", { status: 502 }))).toBe(false);
  });
});

describe("the error table", () => {
  it("has each code once, or once for certain statuses and once for the others", () => {
    const plain = ERROR_ROWS.filter((row) => row.onlyStatus === undefined).map((row) => row.code);
    expect(new Set(plain).size).toBe(plain.length);
  });

  it("gives everybody something to do next", () => {
    for (const { code, onlyStatus } of ERROR_ROWS) {
      const known = knownError({ code, fault: null, message: "", status: onlyStatus?.[0] ?? 400 });
      expect(known?.nextStep, code).toMatch(/\.$/);
    }
  });

  it("is what docs/errors.md says", () => {
    expect(readFileSync(ERRORS_PAGE, "utf8")).toBe(renderErrors());
  });
});
