import { jsonAnswer } from "../requests/answers.ts";
import type { CloudState } from "../cloud/cloud-state.ts";
import type { ReinstallRequest } from "../cloud/ledger.ts";
import { isBusy, reinstallRefusal } from "../requests/preconditions.ts";
import { readReinstallBody } from "../requests/reinstall-body.ts";
import { startReinstall } from "../cloud/reinstall-run.ts";
import { type Call, PROJECT, path, type Route, SERVER } from "./route.ts";
import { systemDiskId } from "../cloud/server-record.ts";
import { parseSdkDate, sha256Hex } from "../access/signature.ts";

/**
 * The reinstall call: v2 only. Its v1 sister is not documented for Paris, so its path is unknown to the gateway
 * (ECS API reference notes §1.1).
 */
export function reinstallRoutes(state: CloudState): Route[] {
  return [
    {
      method: "POST",
      pattern: path(`/v2/${PROJECT}/cloudservers/${SERVER}/reinstallos`),
      shape: "service",
      access: "project",
      target: ({ server }) => ({ operation: "reinstall", serverId: server }),

      answer(call) {
        const read = readReinstallBody(call.request.body, state.settings);
        if (read.kind === "refused") return call.refuse(read.refusal);
        const server = state.findServer(call.params.project ?? "", call.params.server ?? "");
        if (server === undefined) return call.refuse({ code: "Ecs.0114" });
        const { stopsServer } = read.wish;
        const lax = call.effects.lax === true;
        const refusal = reinstallRefusal(state, server, { stopsServer, lax });
        if (refusal !== undefined) return call.refuse(refusal);

        const overlapped = isBusy(server);
        const { job, oldDiskId, newDiskId } = startReinstall(state, server, call.effects.run ?? {});
        state.ledger.append({
          ...common(call),
          executed: true,
          refusedWith: null,
          jobId: job.id,
          oldDiskId,
          newDiskId,
          overlapped,
        });
        return jsonAnswer(200, { job_id: job.id });
      },

      refused(call, code) {
        const server = state.servers.get(call.params.server ?? "");
        state.ledger.append({
          ...common(call),
          executed: false,
          refusedWith: code,
          jobId: null,
          oldDiskId: server === undefined ? null : systemDiskId(server),
          newDiskId: null,
          overlapped: server !== undefined && isBusy(server),
        });
      },
    },
  ];

  /** The body itself may hold secrets: only its hash is kept. */
  function common({ request, params, requestId, receivedAtMs }: Call) {
    return {
      kind: "reinstall-request",
      at: state.schedule.nowMs(),
      receivedAt: receivedAtMs,
      serverId: params.server ?? "",
      projectId: params.project ?? "",
      signedAt: parseSdkDate(request.headers.get("x-sdk-date") ?? "") ?? null,
      requestId,
      bodySha256: sha256Hex(request.body),
    } satisfies Partial<ReinstallRequest>;
  }
}
