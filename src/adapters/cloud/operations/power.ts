import type { ProjectId, ServerId } from "../../../contract/ids.ts";
import { JobId } from "../../../contract/ids.ts";
import type { PowerCall } from "../../../steps/ports/cloud-api.ts";
import type { StartOutcome, StopOutcome } from "../../../core/server/observations.ts";
import type { Answer } from "../answers/answer.ts";
import { knownError, refusalOf, summary, unavailableBy } from "../answers/error-table.ts";
import type { ReadDeps } from "./servers.ts";

/**
 * `POST /v1/{project}/cloudservers/action` with one server (ECS API notes §4). It may be repeated, but it goes
 * over a connection of its own like the reinstall: a stop that arrives late would meet the reinstall.
 */
export function createStop(deps: ReadDeps) {
  const act = createAction(deps);
  return (
    project: ProjectId,
    server: ServerId,
    type: "SOFT" | "HARD",
    asking: PowerCall,
  ): Promise<StopOutcome> => {
    const body = { "os-stop": { type, servers: [{ id: server }] } };
    return act({ operation: "stop", project, body }, asking);
  };
}

/** The same call for a start. It, too, goes over a connection of its own: one that arrives late would undo somebody's stop. */
export function createStart(deps: ReadDeps) {
  const act = createAction(deps);
  return (project: ProjectId, server: ServerId, asking: PowerCall): Promise<StartOutcome> => {
    const body = { "os-start": { servers: [{ id: server }] } };
    return act({ operation: "start", project, body }, asking);
  };
}

interface Action {
  readonly operation: "stop" | "start";
  readonly project: ProjectId;
  readonly body: object;
}

function createAction({ calls, service, send }: ReadDeps) {
  return async function act(
    { operation, project, body }: Action,
    { signal, mayBegin }: PowerCall,
  ): Promise<StopOutcome> {
    const path = `/v1/${project}/cloudservers/action`;
    const bytes = Buffer.from(JSON.stringify(body));
    const called = await calls.call(
      { operation, method: "POST", project, path, body: bytes, service, send, mayBegin },
      signal,
    );
    return called.kind === "unavailable"
      ? { ...called, kind: "unreadable" }
      : powerFrom(called.answer, operation);
  };
}

/**
 * What an answer to a stop or a start means. Pure.
 *
 * @internal
 */
export function powerFrom(answer: Answer, operation: Action["operation"] = "stop"): StopOutcome {
  if (answer.status >= 200 && answer.status < 300) {
    const id = JobId.safeParse(answer.json?.["job_id"]);
    if (id.success) return { kind: "accepted", jobId: id.data };
    if (answer.status === 204 && answer.json === null) return { kind: "accepted", jobId: null };
  }
  const error = knownError(answer);
  switch (error?.power) {
    case "refused":
      return {
        kind: "refused",
        refusal: refusalOf(error, answer, `ecs:cloudServers:${operation}`),
        retryAfterMs: answer.retryAfterMs,
      };
    case "unavailable":
    case undefined:
      return { kind: "unreadable", ...unavailableBy(answer), message: summary(answer) };
  }
}
