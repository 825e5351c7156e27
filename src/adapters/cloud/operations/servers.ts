import { z } from "zod";
import { type ProjectId, ServerId } from "../../../contract/ids.ts";
import type { Condition, ListLook, Look } from "../../../core/server/observations.ts";
import type { Answer } from "../answers/answer.ts";
import type { Calls, Service } from "../calls.ts";
import { knownError, refusalOf, summary, unavailableBy } from "../answers/error-table.ts";
import type { Send } from "../http/exchange.ts";
import { conditionOf, ListedObject, ServerObject, viewOf } from "../answers/server-view.ts";

export interface ReadDeps {
  readonly calls: Calls;
  readonly service: Service;
  readonly send: Send;
}

/** `GET /v1/{project}/cloudservers/{server}` (ECS API notes §3.1). */
export function createLook({ calls, service, send }: ReadDeps) {
  return async function look(
    project: ProjectId,
    server: ServerId,
    signal: AbortSignal,
  ): Promise<Look> {
    const path = `/v1/${project}/cloudservers/${server}`;
    const called = await calls.call(
      { operation: "look", method: "GET", project, path, service, send },
      signal,
    );
    return called.kind === "unavailable"
      ? { ...called, kind: "unreadable" }
      : lookFrom(called.answer, server);
  };
}

/** `GET /v1/{project}/cloudservers/detail` (ECS API notes §12). By no status: it misleads in intermediate states. */
export function createList({ calls, service, send }: ReadDeps) {
  return async function list(
    project: ProjectId,
    { page, limit }: { readonly page: number; readonly limit: number },
    signal: AbortSignal,
  ): Promise<ListLook> {
    const path = `/v1/${project}/cloudservers/detail`;
    const query = [
      ["limit", String(limit)],
      ["offset", String(page)],
    ] as const;
    const called = await calls.call(
      { operation: "list", method: "GET", project, path, query, service, send },
      signal,
    );
    return called.kind === "unavailable"
      ? { ...called, kind: "unreadable" }
      : listFrom(called.answer);
  };
}

/**
 * What an answer shows of a server. Pure.
 *
 * @internal
 */
export function lookFrom(answer: Answer, server: ServerId): Look {
  if (answer.code === null && answer.status === 200) {
    const body = Body.safeParse(answer.json);
    const read = body.success
      ? viewOf(body.data.server, server, answer.cloudTimeMs)
      : "no server in the answer";
    if (typeof read !== "string") return { kind: "seen", server: read };
    return { kind: "unreadable", ...unavailableBy({ ...answer, message: read }) };
  }
  const error = knownError(answer);
  switch (error?.look) {
    case "absent":
    case "refused":
      return { kind: error.look, refusal: refusalOf(error, answer, "ecs:cloudServers:showServer") };
    case "throttled":
    case "unavailable":
    case undefined:
      return { kind: "unreadable", ...unavailableBy(answer), message: summary(answer) };
  }
}

const Body = z.object({ server: ServerObject });

/**
 * What an answer shows of many servers. One that cannot be judged is left out, like one that is not listed. Pure.
 *
 * @internal
 */
export function listFrom(answer: Answer): ListLook {
  const body =
    answer.status === 200 && answer.code === null ? ListBody.safeParse(answer.json) : null;
  if (body?.success === true) {
    const servers = new Map<ServerId, Condition>();
    for (const one of body.data.servers) {
      const server = ListedObject.safeParse(one);
      const id = ServerId.safeParse(server.data?.id);
      if (!server.success || !id.success) continue;
      const condition = conditionOf(server.data);
      if (typeof condition !== "string") servers.set(id.data, condition);
    }
    return { kind: "seen", servers, listed: body.data.servers.length, total: body.data.count };
  }
  const error = knownError(answer);
  if (error?.look === "refused") return { kind: "refused", refusal: refusalOf(error, answer) };
  const message = answer.code === null && answer.status === 200 ? "no list in the answer" : null;
  return { kind: "unreadable", ...unavailableBy(answer), message: message ?? summary(answer) };
}

const ListBody = z.object({ count: z.number().int().nonnegative(), servers: z.array(z.unknown()) });
