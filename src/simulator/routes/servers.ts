import { jsonAnswer } from "../requests/answers.ts";
import type { CloudState } from "../cloud/cloud-state.ts";
import { PROJECT, path, type Route, SERVER } from "./route.ts";
import { serverListRoute } from "./server-list.ts";
import { serverNative, serverV1 } from "../requests/server-view.ts";

/** Querying a server: ECS API reference notes §3.1. */
export function serverRoutes(state: CloudState): Route[] {
  return [
    // Before the one below, which takes `detail` for a server's id.
    serverListRoute(state),
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

/** The minor number of Nova's `2.x`; 1 when the caller asks for none. */
function microversion(headers: ReadonlyMap<string, string>): number {
  const asked =
    headers.get("x-openstack-nova-api-version") ?? headers.get("openstack-api-version") ?? "";
  return Number(/2\.(\d+)$/.exec(asked)?.[1] ?? 1);
}
