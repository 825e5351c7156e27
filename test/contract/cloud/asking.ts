import type { JobId, ServerId } from "../../../src/contract/ids.ts";
import type { OsReinstall } from "../../../src/contract/os-reinstall.ts";
import type {
  JobLook,
  Look,
  ServerView,
  StartOutcome,
  StopOutcome,
  Submission,
} from "../../../src/core/server/observations.ts";
import type { SignedReinstall } from "../../../src/steps/ports/cloud-api.ts";
import type { CloudRig } from "./rig.ts";
import { powerCall, PROJECT, SERVER, signal } from "./setup.ts";

const BODY: OsReinstall = { userid: "7e25b1da389f4697a79df3a0e5bd494e" };
export const WITH_STOP: OsReinstall = { ...BODY, mode: "withStopServer" };

export function look(rig: CloudRig, server: ServerId = SERVER): Promise<Look> {
  return rig.api.look(PROJECT, server, signal());
}

/** The server, which must be seen. */
export async function view(rig: CloudRig): Promise<ServerView> {
  const answer = await look(rig);
  if (answer.kind !== "seen") throw new Error(`not seen: ${JSON.stringify(answer)}`);
  return answer.server;
}

export function job(rig: CloudRig, id: JobId, server: ServerId = SERVER): Promise<JobLook> {
  return rig.api.job(PROJECT, server, id, signal());
}

export function stop(
  rig: CloudRig,
  type: "SOFT" | "HARD" = "SOFT",
  server: ServerId = SERVER,
): Promise<StopOutcome> {
  return rig.api.stop(PROJECT, server, type, powerCall());
}

export function start(rig: CloudRig, server: ServerId = SERVER): Promise<StartOutcome> {
  return rig.api.start(PROJECT, server, powerCall());
}

/** A request that must be signed. */
export async function sign(
  rig: CloudRig,
  body: OsReinstall = BODY,
  server: ServerId = SERVER,
): Promise<SignedReinstall> {
  const signing = await rig.api.sign(PROJECT, server, body, signal());
  if (signing.kind !== "signed") throw new Error(`not signed: ${signing.message}`);
  return signing.request;
}

export async function submit(
  rig: CloudRig,
  body?: OsReinstall,
  server?: ServerId,
): Promise<Submission> {
  const request = await sign(rig, body, server);
  return request.send(signal());
}

/** The job of a reinstall that must be accepted. */
export async function reinstall(rig: CloudRig, body?: OsReinstall): Promise<JobId> {
  const submission = await submit(rig, body);
  if (submission.kind !== "accepted")
    throw new Error(`not accepted: ${JSON.stringify(submission)}`);
  return submission.jobId;
}

/** Codes and statuses: ECS API notes §5.2 and §5.3. */
export const REFUSED = {
  absent: { class: "not-found", cloudCode: "Ecs.0114", httpStatus: 404, retryable: false },
  locked: { class: "server-locked", cloudCode: "Ecs.0605", httpStatus: 400, retryable: false },
  busy: { class: "server-busy", cloudCode: "Ecs.0603", httpStatus: 501, retryable: true },
  state: { class: "wrong-state", cloudCode: "Ecs.0100", httpStatus: 400, retryable: true },
  noDisk: { class: "no-system-disk", cloudCode: "Ecs.0105", httpStatus: 400, retryable: false },
  quota: { class: "quota", cloudCode: "Ecs.0001", httpStatus: 400, retryable: false },
  throttled: { class: "throttled", cloudCode: "Common.0024", httpStatus: 202, retryable: true },
  signature: { class: "authentication", cloudCode: "APIGW.0301", httpStatus: 401, retryable: true },
} as const;
