import { z } from "zod";
import type { DiskId, ProjectId } from "../../../contract/ids.ts";
import type { DiskLook } from "../../../core/server/observations.ts";
import type { Clock } from "../../../steps/ports/clock.ts";
import type { Answer } from "../answers/answer.ts";
import {
  isBare404,
  knownError,
  refusalOf,
  summary,
  unavailableBy,
} from "../answers/error-table.ts";
import { presentable } from "../http/redact.ts";
import type { ReadDeps } from "./servers.ts";
import { encodeRfc3986 } from "../credentials/signer.ts";
import { instantOf } from "../answers/timestamps.ts";

/** `GET /v2/{project}/cloudvolumes/{volume}` on the disk service (ECS API notes §11). */
export function createDisk({ calls, service, send, clock }: ReadDeps & { readonly clock: Clock }) {
  return async function disk(
    project: ProjectId,
    volume: DiskId,
    signal: AbortSignal,
  ): Promise<DiskLook> {
    const path = `/v2/${project}/cloudvolumes/${encodeRfc3986(volume)}`;
    const called = await calls.call(
      { operation: "disk", method: "GET", project, path, service, send },
      signal,
    );
    return called.kind === "unavailable"
      ? { ...called, kind: "unreadable" }
      : diskFrom(called.answer, volume, clock.nowMs());
  };
}

/** Later than the cloud's clock by more than this, a disk's age is not to be believed. */
const FUTURE_MS = 60_000;

/**
 * What an answer shows of a disk. `nowMs` is our clock, for an answer that does not show the cloud's. Pure.
 *
 * @internal
 */
export function diskFrom(answer: Answer, volume: DiskId, nowMs: number): DiskLook {
  if (answer.code === null && answer.status === 200) {
    const body = Body.safeParse(answer.json);
    const read = body.success ? diskOf(body.data.volume, volume) : "no disk in the answer";
    if (typeof read === "string") {
      return { kind: "unreadable", ...unavailableBy({ ...answer, message: read }) };
    }
    const inFuture = read.createdAtMs > (answer.cloudTimeMs ?? nowMs) + FUTURE_MS;
    return { kind: "seen", ...read, inFuture, cloudTimeMs: answer.cloudTimeMs };
  }
  const error = knownError(answer);
  if (error?.look === "absent" || isBare404(answer)) return { kind: "absent" };
  if (error?.look === "refused") return { kind: "refused", refusal: refusalOf(error, answer) };
  return { kind: "unreadable", ...unavailableBy(answer), message: summary(answer) };
}

const Attachment = z.looseObject({ server_id: z.string() });
const Volume = z.looseObject({
  id: z.string(),
  created_at: z.unknown().optional(),
  status: z.string().nullish().catch(null),
  attachments: z.array(Attachment).nullish().catch(null),
});
const Body = z.object({ volume: Volume });

type Read = Pick<Extract<DiskLook, { kind: "seen" }>, "createdAtMs" | "status" | "attachedTo">;

/** The disk, or why the answer says nothing: a wrong age would start or stop a reinstall. */
function diskOf(volume: z.infer<typeof Volume>, asked: DiskId): Read | string {
  if (volume.id.toLowerCase() !== asked.toLowerCase()) return "the answer is another disk";
  const createdAtMs = instantOf(volume.created_at);
  if (createdAtMs === null) return "the answer does not show when the disk was created";
  return {
    createdAtMs,
    status: presentable(volume.status ?? "", [], 40) || null,
    attachedTo: (volume.attachments ?? []).map(({ server_id }) => server_id.toLowerCase()),
  };
}
