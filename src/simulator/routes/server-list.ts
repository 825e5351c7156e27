import { type CloudAnswer, jsonAnswer } from "../requests/answers.ts";
import type { CloudState } from "../cloud/cloud-state.ts";
import { type Call, PROJECT, path, type Route } from "./route.ts";
import { addressesOf, type ServerRecord } from "../cloud/server-record.ts";
import { serverV1, shownStatus, statusOf } from "../requests/server-view.ts";

const MAX_PAGE = 1_000;

/**
 * Many servers in one call (ECS API reference notes §12): `limit` at most 1 000, default 25; `offset` is the page, from 1;
 * filters `status`, `name`, `tags`, `not-tags`, `ip`. `count` is that of all servers that pass the filters.
 */
export function serverListRoute(state: CloudState): Route {
  return {
    method: "GET",
    pattern: path(`/v1/${PROJECT}/cloudservers/detail`),
    shape: "service",
    access: "project",
    target: () => ({ operation: "servers" }),
    answer: (call) => pageOf(state, call),
  };
}

function pageOf(state: CloudState, call: Call): CloudAnswer {
  const { params, query } = call;
  const limit = Number(query.get("limit") ?? 25);
  const page = Number(query.get("offset") ?? 1);
  const isWhole = [limit, page].every((one) => Number.isSafeInteger(one) && one > 0);
  if (!isWhole || limit > MAX_PAGE) return call.refuse({ code: "Ecs.0005" });
  const all = [...state.servers.values()].filter(
    (server) => server.projectId === params.project && passes(server, query),
  );
  const servers = all.slice((page - 1) * limit, page * limit);
  return jsonAnswer(200, {
    count: all.length,
    servers: servers.map((one) => serverV1(one).server),
  });
}

/** A filter that is empty filters nothing; of several, each must hold. */
function passes(server: ServerRecord, query: URLSearchParams): boolean {
  const filters: readonly (readonly [string, (value: string) => boolean])[] = [
    ["status", (value) => hasStatus(server, value)],
    ["name", (value) => server.name.includes(value)],
    ["tags", (value) => value.split(",").every((tag) => hasTag(server, tag))],
    ["not-tags", (value) => !value.split(",").some((tag) => hasTag(server, tag))],
    ["ip", (value) => addressesOf(server).some(({ addr }) => addr.includes(value))],
  ];
  return filters.every(([name, holds]) => {
    const value = query.get(name) ?? "";
    return value === "" || holds(value);
  });
}

/** In an intermediate state a server is found under what it will be again, too (§12). */
function hasStatus(server: ServerRecord, status: string): boolean {
  return shownStatus(server) === status || statusOf(server.vmState, null) === status;
}

/** `key=value` names one tag, `key` any of that key. */
function hasTag({ tags }: ServerRecord, wanted: string): boolean {
  return tags.some((tag) => tag === wanted || tag.startsWith(`${wanted}=`));
}
