import { JobId, type ProjectId, type ServerId } from "../../../contract/ids.ts";
import type { OsReinstall } from "../../../contract/os-reinstall.ts";
import type { Submission } from "../../../core/server/observations.ts";
import type { Signing } from "../../../steps/ports/cloud-api.ts";
import type { Answer } from "../answers/answer.ts";
import { type Call, unavailableBecause } from "../calls.ts";
import { CLASS_VERDICTS } from "../answers/error-class.ts";
import { knownError, refusalOf, summary } from "../answers/error-table.ts";
import { userDataSecrets } from "../http/redact.ts";
import type { ReadDeps } from "./servers.ts";

export interface ReinstallDeps extends ReadDeps {
  readonly reinstallApi: "v2" | "v1";
}

/** `POST /v2/{project}/cloudservers/{server}/reinstallos` (ECS API notes §1): signed now, once; sent later, once. */
export function createSign({ calls, service, send, reinstallApi }: ReinstallDeps) {
  return async function sign(
    project: ProjectId,
    server: ServerId,
    body: OsReinstall,
    signal: AbortSignal,
  ): Promise<Signing> {
    const call: Call = {
      operation: "reinstall",
      method: "POST",
      project,
      path: `/${reinstallApi}/${project}/cloudservers/${server}/reinstallos`,
      // Serialised once: what is signed is what is sent.
      body: Buffer.from(JSON.stringify({ "os-reinstall": body })),
      service,
      send,
      secrets: userDataSecrets(body.metadata?.user_data),
    };
    const prepared = await calls.prepare(call, signal);
    if (prepared.kind === "unavailable") return prepared;
    const { authorised } = prepared;
    let used = false;
    return {
      kind: "signed",
      request: {
        signedAtMs: authorised.signedAtMs,
        async send(sendSignal) {
          if (used) throw new Error("a signed reinstall is sent once");
          used = true;
          if (reinstallApi === "v1" && body.metadata?.user_data !== undefined) return V1_USER_DATA;
          const result = await calls.sendOnce(call, prepared, sendSignal);
          switch (result.kind) {
            case "answered":
              return submissionFrom(result.answer);
            case "held":
            case "stale":
            case "not-sent":
              return { ...unavailableBecause(result), kind: "not-sent" };
            case "unknown":
              return { kind: "unknown", message: result.message };
          }
        },
      },
    };
  };
}

/**
 * What an answer to the POST proves (ECS API notes §1.5, design §4.7). Pure.
 *
 * @internal
 */
export function submissionFrom(answer: Answer): Submission {
  const jobId = JobId.safeParse(answer.json?.["job_id"]);
  const success = answer.status >= 200 && answer.status < 300;
  if (success && jobId.success) {
    const { requestId } = answer;
    return { kind: "accepted", jobId: jobId.data, ...(requestId !== null && { requestId }) };
  }
  const error = knownError(answer);
  // An error that comes with a job contradicts itself: whatever it says, something may run.
  if (error === null || answer.json?.["job_id"]) return unknown(answer);
  const refusal = refusalOf(error, answer, "ecs:cloudServers:rebuild");
  const { retryAfterMs } = answer;
  switch (error.submit) {
    case "refused":
      return { kind: "refused", refusal };
    case "later: server-unstable":
      return { kind: "later", waitsFor: "server-unstable", refusal, retryAfterMs };
    case "later: throttled":
      return { kind: "later", waitsFor: "throttled", refusal, retryAfterMs };
    case "later: cloud-unavailable": {
      const waitsFor = answer.refusesOurClock ? "clock-skew" : "cloud-unavailable";
      return { kind: "later", waitsFor, refusal, retryAfterMs };
    }
    case "unknown":
      return unknown(answer);
  }
}

function unknown(answer: Answer): Submission {
  return { kind: "unknown", message: summary(answer) };
}

/** v1 has no `user_data` (ECS API notes §1.2): sent with it, the server would come back without its login. */
const V1_USER_DATA: Submission = {
  kind: "refused",
  refusal: {
    class: "invalid-request",
    cloudCode: "none",
    httpStatus: 0,
    message: "the v1 call takes no user_data; nothing was sent",
    nextStep: CLASS_VERDICTS["invalid-request"].nextStep,
    retryable: false,
  },
};
