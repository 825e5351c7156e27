import type { Refusal } from "./answers.ts";
import type { CloudState } from "../cloud/cloud-state.ts";
import { type ServerRecord, systemDiskId } from "../cloud/server-record.ts";

/** Whether something runs on the server, as far as the cloud knows: more than what the server shows. */
export function isBusy(server: ServerRecord): boolean {
  return server.running.size > 0 || server.taskState !== null;
}

/**
 * Why a server cannot be reinstalled now (ECS API reference notes §1.6, codes of §5.2); undefined when it can.
 * A lax cloud waives busy and state.
 */
export function reinstallRefusal(
  state: CloudState,
  server: ServerRecord,
  { stopsServer, lax }: { readonly stopsServer: boolean; readonly lax: boolean },
): Refusal | undefined {
  if (server.locked) return { code: "Ecs.0605" };
  if (server.frozen) return { code: "Ecs.0030" };
  if (!lax && isBusy(server)) return { code: "Ecs.0603" };
  if (!lax && !allowsReinstall(server, stopsServer)) return { code: "Ecs.0100" };
  if (!lax && systemDiskId(server) === null) return { code: "Ecs.0105" };
  const image = state.images.get(server.imageId);
  if (image === undefined) return { code: "Ecs.0031" };
  return image.status === "active" ? undefined : { code: "Ecs.0032" };
}

/** Why a server cannot be stopped or started now. A forced stop may overtake a soft one that does not come to an end. */
export function powerRefusal(
  server: ServerRecord,
  wanted: { readonly kind: "stop"; readonly type: "SOFT" | "HARD" } | { readonly kind: "start" },
): Refusal | undefined {
  if (server.locked) return { code: "Ecs.0605" };
  if (server.frozen) return { code: "Ecs.0030" };
  const overtakes =
    wanted.kind === "stop" && wanted.type === "HARD" && server.giveUpSoftStop !== null;
  if (!overtakes && isBusy(server)) return { code: "Ecs.0603" };
  // Stopping a stopped server: not documented, `Ecs.0100` is the inference of §4.
  const from = wanted.kind === "stop" ? "active" : "stopped";
  if (server.vmState === from) return undefined;
  const isRepeated = server.vmState !== "error";
  return isRepeated && server.behaviour.repeatedPower === "accepted"
    ? undefined
    : { code: "Ecs.0100" };
}

function allowsReinstall({ vmState, reinstallFailed }: ServerRecord, stopsServer: boolean) {
  const allowed = { stopped: true, active: stopsServer, error: reinstallFailed };
  return allowed[vmState];
}
