import { z } from "zod";
import { type CloudAnswer, jsonAnswer, type Refusal } from "../requests/answers.ts";
import type { CloudState } from "../cloud/cloud-state.ts";
import { type PowerOrder, startPowerJob } from "../cloud/power-run.ts";
import { powerRefusal } from "../requests/preconditions.ts";
import { type Call, jsonOf, PROJECT, path, type Route, SERVER } from "./route.ts";
import type { ServerRecord } from "../cloud/server-record.ts";

/** Stopping and starting: the batch call with a job, and the native call without (ECS API reference notes §4). */
export function powerRoutes(state: CloudState): Route[] {
  return [
    {
      method: "POST",
      pattern: path(`/v1/${PROJECT}/cloudservers/action`),
      shape: "service",
      access: "project",
      target: (_, body) => {
        const wish = readBatch(body);
        return { operation: wish?.order.kind ?? "unknown", serverId: wish?.serverIds[0] };
      },
      answer(call) {
        if (call.request.body.length === 0) return call.refuse({ code: "Common.0002" });
        const wish = readBatch(call.request.body);
        if (wish === undefined) return call.refuse({ code: "Ecs.0005" });
        const checked = wish.serverIds.map((id) => check(state, call, id, wish.order));
        const bad = checked.find((one) => "refusal" in one);
        if (bad !== undefined) return batchError(call, bad.id, bad.refusal);
        const servers = checked.flatMap((one) => ("server" in one ? [one.server] : []));
        const job = startPowerJob(state, servers, wish.order, call.effects.run ?? {});
        note(state, call, wish, { jobId: job.id, code: null });
        return jsonAnswer(200, { job_id: job.id });
      },
      refused(call, code) {
        const wish = readBatch(call.request.body);
        if (wish !== undefined) note(state, call, wish, { jobId: null, code });
      },
    },
    {
      method: "POST",
      pattern: path(`/v2.1/${PROJECT}/servers/${SERVER}/action`),
      shape: "native",
      access: "project",
      target: ({ server }, body) => ({
        operation: readNative(body)?.kind ?? "unknown",
        serverId: server,
      }),
      answer(call) {
        const order = readNative(call.request.body);
        if (order === undefined) return call.refuse({ code: "Ecs.0005" });
        const id = call.params.server ?? "";
        const one = check(state, call, id, order);
        // Upstream's status for a state that does not allow the order (§4, §5.5).
        if ("refusal" in one) {
          const status = one.refusal.code === "Ecs.0114" ? 404 : 409;
          return call.refuse({ ...one.refusal, status });
        }
        const job = startPowerJob(state, [one.server], order, call.effects.run ?? {});
        note(state, call, { order, serverIds: [id] }, { jobId: job.id, code: null });
        return { status: 202, headers: {}, body: "" };
      },
      refused(call, code) {
        const order = readNative(call.request.body);
        const wish = { serverIds: [call.params.server ?? ""] };
        if (order !== undefined) note(state, call, { order, ...wish }, { jobId: null, code });
      },
    },
  ];
}

function distinctIds(servers: readonly { readonly id: string }[]): readonly string[] {
  return [...new Set(servers.map((one) => one.id))];
}

interface BatchWish {
  readonly order: PowerOrder;
  readonly serverIds: readonly string[];
}

const serverList = z
  .array(z.looseObject({ id: z.string().min(1) }))
  .min(1)
  .max(1_000);
const stopBody = z.looseObject({
  "os-stop": z.looseObject({ type: z.enum(["SOFT", "HARD"]).default("SOFT"), servers: serverList }),
});
const startBody = z.looseObject({ "os-start": z.looseObject({ servers: serverList }) });
const nativeStop = z.looseObject({ "os-stop": z.looseObject({}) });
const nativeStart = z.looseObject({ "os-start": z.looseObject({}) });

function readBatch(body: Uint8Array): BatchWish | undefined {
  const json = jsonOf(body);
  const stop = stopBody.safeParse(json);
  if (stop.success) {
    const { type, servers } = stop.data["os-stop"];
    return { order: { kind: "stop", type }, serverIds: distinctIds(servers) };
  }
  const start = startBody.safeParse(json);
  if (!start.success) return undefined;
  const { servers } = start.data["os-start"];
  return { order: { kind: "start" }, serverIds: distinctIds(servers) };
}

function readNative(body: Uint8Array): PowerOrder | undefined {
  const json = jsonOf(body);
  if (nativeStop.safeParse(json).success) return { kind: "stop", type: "SOFT" };
  return nativeStart.safeParse(json).success ? { kind: "start" } : undefined;
}

function check(
  state: CloudState,
  call: Call,
  id: string,
  order: PowerOrder,
): { readonly id: string; readonly refusal: Refusal } | { readonly server: ServerRecord } {
  const server = state.findServer(call.params.project ?? "", id);
  if (server === undefined) return { id, refusal: { code: "Ecs.0114" } };
  const refusal = powerRefusal(server, order);
  return refusal === undefined ? { server } : { id, refusal };
}

/** Batch calls add `internalError` to the usual error (§5.1). */
function batchError(call: Call, id: string, refusal: Refusal): CloudAnswer {
  const answer = call.refuse(refusal);
  const body = JSON.parse(answer.body) as { error: { code: string; message: string } };
  const internalError = [{ id, error_code: body.error.code, error_message: body.error.message }];
  return { ...answer, body: JSON.stringify({ ...body, internalError }) };
}

function note(
  state: CloudState,
  call: Call,
  { order, serverIds }: BatchWish,
  { jobId, code }: { readonly jobId: string | null; readonly code: string | null },
): void {
  for (const serverId of serverIds) {
    state.ledger.append({
      kind: order.kind === "stop" ? "stop-request" : "start-request",
      at: state.schedule.nowMs(),
      serverId,
      type: order.kind === "stop" ? order.type : null,
      executed: jobId !== null,
      refusedWith: code,
      jobId,
      requestId: call.requestId,
    });
  }
}
