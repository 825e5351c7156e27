import { jsonAnswer } from "./answers.ts";
import type { CloudState } from "./cloud-state.ts";
import { type Call, PROJECT, path, type Route, SERVER } from "./route.ts";
import { serverNative, serverV1 } from "./server-view.ts";

/** Querying a server: ECS API reference notes §3.1. */
export function serverRoutes(state: CloudState): Route[] {
  return [
    {
      // Before the one below, which takes `detail` for a server's id.
      method: "GET",
      pattern: path(`/v1/${PROJECT}/cloudservers/detail`),
      shape: "service",
      access: "project",
      target: () => ({ operation: "servers" }),
      answer: (call) => serverPage(state, call),
    },
    {
      method: "GET",
      pattern: path(`/v1/${PROJECT}/cloudservers/${SERVER}`),
      shape: "service",
      access: "project",
      target: ({ server }) => ({ operation: "server", serverId: server }),
      answer(call) {
        const server = state.findServer(call.params.project ?? "", call.params.server ?? "");
        return server === undefined
          ? call.refuse({ code: "Ecs.0114" })
          : jsonAnswer(200, serverV1(server));
      },
    },
    {
      method: "GET",
      pattern: path(`/v2.1/${PROJECT}/servers/${SERVER}`),
      shape: "native",
      access: "project",
      target: ({ server }) => ({ operation: "server", serverId: server }),
      answer(call) {
        const id = call.params.server ?? "";
        const server = state.findServer(call.params.project ?? "", id);
        return server === undefined
          ? call.refuse({ code: "Ecs.0114", message: `Instance ${id} could not be found.` })
          : jsonAnswer(200, serverNative(server, microversion(call.request.headers)));
      },
    },
  ];
}

const MAX_PAGE = 1_000;

/** Many servers in one call: `limit` at most 1 000, default 25; `offset` is the page, from 1 (ECS API reference notes §12). */
function serverPage(state: CloudState, call: Call) {
  const { params, query } = call;
  const limit = Number(query.get("limit") ?? 25);
  const page = Number(query.get("offset") ?? 1);
  const isWhole = [limit, page].every((one) => Number.isSafeInteger(one) && one > 0);
  if (!isWhole || limit > MAX_PAGE) return call.refuse({ code: "Ecs.0005" });
  const all = [...state.servers.values()].filter(({ projectId }) => projectId === params.project);
  const servers = all.slice((page - 1) * limit, page * limit);
  return jsonAnswer(200, {
    count: all.length,
    servers: servers.map((one) => serverV1(one).server),
  });
}

/** The minor number of Nova's `2.x`; 1 when the caller asks for none. */
function microversion(headers: ReadonlyMap<string, string>): number {
  const asked =
    headers.get("x-openstack-nova-api-version") ?? headers.get("openstack-api-version") ?? "";
  return Number(/2\.(\d+)$/.exec(asked)?.[1] ?? 1);
}
