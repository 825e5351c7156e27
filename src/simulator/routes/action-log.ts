import { jsonAnswer } from "../requests/answers.ts";
import type { CloudState } from "../cloud/cloud-state.ts";
import { PROJECT, path, type Route, SERVER } from "./route.ts";
import type { ServerRecord } from "../cloud/server-record.ts";

/** The native action log (ECS API reference notes §8.2): what was done to a server, without any job id. */
export function actionLogRoutes(state: CloudState): Route[] {
  return [
    {
      method: "GET",
      pattern: path(`/v2.1/${PROJECT}/servers/${SERVER}/os-instance-actions`),
      shape: "native",
      access: "project",
      target: ({ server }) => ({ operation: "action-log", serverId: server }),
      answer(call) {
        const server = state.findServer(call.params.project ?? "", call.params.server ?? "");
        if (server === undefined) return call.refuse(NOT_FOUND);
        const newestFirst = server.actionLog.map((entry) => view(server, entry)).reverse();
        return jsonAnswer(200, { instanceActions: newestFirst });
      },
    },
    {
      method: "GET",
      pattern: path(`/v2.1/${PROJECT}/servers/${SERVER}/os-instance-actions/(?<request>[^/]+)`),
      shape: "native",
      access: "project",
      target: ({ server }) => ({ operation: "action-log", serverId: server }),
      answer(call) {
        const { project = "", server: id = "", request = "" } = call.params;
        const server = state.findServer(project, id);
        const entry = server?.actionLog.find((one) => one.requestId === request);
        if (server === undefined || entry === undefined) return call.refuse(NOT_FOUND);
        return jsonAnswer(200, { instanceAction: { ...view(server, entry), events: [] } });
      },
    },
  ];
}

const NOT_FOUND = { code: "Ecs.0114", message: "The resource could not be found." };

function view(server: ServerRecord, entry: ServerRecord["actionLog"][number]) {
  return {
    action: entry.action,
    instance_uuid: server.id,
    request_id: entry.requestId,
    project_id: server.projectId,
    user_id: server.userId,
    message: null,
    start_time: `${new Date(entry.atMs).toISOString().slice(0, 19)}.000000`,
  };
}
