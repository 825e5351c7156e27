import type { ProjectId, ServerId } from "../../contract/ids.ts";
import { JobId } from "../../contract/ids.ts";
import type { StopOutcome } from "../../core/observations.ts";
import type { Answer } from "./answer.ts";
import { knownError, refusalOf, summary, unavailableBy } from "./error-table.ts";
import type { ReadDeps } from "./servers.ts";

/**
 * `POST /v1/{project}/cloudservers/action` with one server (ECS API notes §4). It may be repeated, but it goes
 * over a connection of its own like the reinstall: a stop that arrives late would meet the reinstall.
 */
export function createStop({ calls, service, send }: ReadDeps) {
  return async function stop(
    project: ProjectId,
    server: ServerId,
    type: "SOFT" | "HARD",
    signal: AbortSignal,
  ): Promise<StopOutcome> {
    const path = `/v1/${project}/cloudservers/action`;
    const body = Buffer.from(JSON.stringify({ "os-stop": { type, servers: [{ id: server }] } }));
    const called = await calls.call(
      { operation: "stop", method: "POST", project, path, body, service, send },
      signal,
    );
    return called.kind === "unavailable"
      ? { ...called, kind: "unreadable" }
      : stopFrom(called.answer);
  };
}

/**
 * What an answer to a stop means. Pure.
 *
 * @internal
 */
export function stopFrom(answer: Answer): StopOutcome {
  if (answer.status >= 200 && answer.status < 300) {
    const id = JobId.safeParse(answer.json?.["job_id"]);
    if (id.success) return { kind: "accepted", jobId: id.data };
    if (answer.status === 204 && answer.json === null) return { kind: "accepted", jobId: null };
  }
  const error = knownError(answer);
  switch (error?.stop) {
    case "refused":
      return {
        kind: "refused",
        refusal: refusalOf(error, answer),
        retryAfterMs: answer.retryAfterMs,
      };
    case "throttled":
    case "unavailable":
    case undefined:
      return { kind: "unreadable", ...unavailableBy(answer), message: summary(answer) };
  }
}
