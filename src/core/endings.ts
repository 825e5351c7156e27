import { Brake } from "../contract/brakes.ts";
import type { DiskId } from "../contract/ids.ts";
import type { Candidate } from "./candidate.ts";
import { resolveLine } from "./command-line.ts";
import { type Decision, final, type InquirySeed } from "./decision.ts";
import type { ServerView, Trust } from "./server/observations.ts";
import type { Order } from "./state/order.ts";
import { powerMember } from "./server/power.ts";
import type { In } from "./state/state.ts";

/**
 * `expired`: nothing was done, because it is too late. It names the brake that held the command last: as the brake itself
 * has just said, or by what the command waited for.
 */
export function expired(
  order: Order,
  waited: Pick<In<"waiting">, "waitsFor" | "sinceMs"> | null = null,
  brake: unknown = heldLast(waited),
): Decision {
  return final({
    event: "expired",
    data: {
      expires_at: new Date(order.expiresAtMs).toISOString(),
      ...(order.expiresBy === undefined ? {} : { because: order.expiresBy }),
      ...(brake === undefined ? {} : { brake }),
    },
  });
}

function heldLast(waited: Pick<In<"waiting">, "waitsFor" | "sinceMs"> | null) {
  const brake = Brake.safeParse(waited?.waitsFor);
  if (waited === null || !brake.success) return undefined;
  const since = new Date(waited.sinceMs).toISOString();
  return { name: brake.data, detail: `it held the command since ${since}` };
}

/** The time is over before there was proof: it is not known that nothing was done. */
export function tooLate(
  { order, waiting, mayHaveRun = false }: Pick<Candidate, "order" | "waiting" | "mayHaveRun">,
  brake?: unknown,
): Decision {
  if (!mayHaveRun) return expired(order, waiting, brake);
  return final(
    {
      event: "unresolved",
      data: {
        seen: "the command's time was over before the server could be looked at for proof",
        why: "store-forgot",
        system_disk_before: waiting?.before?.systemDiskId ?? order.expectedSystemDisk ?? null,
        next_step: `Look at the server: compare its system disk with system_disk_before. It stays locked until a person says what happened: ${resolveLine(order)}.`,
      },
    },
    { lock: "keep", undo: false },
  );
}

/** A person has asked for a command's end: who and why; a command line of an earlier version does not say it. */
export interface CancelRequest {
  readonly by?: string | null;
  readonly why?: string | null;
}

/** `cancelled`: nothing was done, because a person said so. */
export function cancelled({ by, why }: CancelRequest): Decision {
  const data = {
    why: why ?? "cancelled by an operator",
    ...(by === undefined || by === null ? {} : { by }),
  };
  return final({ event: "cancelled", data });
}

/** `superseded`: nothing was done, because it is no longer needed. */
export function superseded(why: string, data: Readonly<Record<string, unknown>>) {
  return { event: "superseded" as const, data: { why, ...data } };
}

/** The emitter saw another disk: somebody already reinstalled it (contract §2 `expected_system_disk`). */
export function diskMismatch(expected: DiskId | undefined, server: ServerView) {
  if (expected === undefined || server.systemDiskId === null) return null;
  if (server.systemDiskId.toLowerCase() === expected.toLowerCase()) return null;
  return superseded("system-disk-changed", {
    expected_system_disk: expected,
    system_disk: server.systemDiskId,
  });
}

/** Nobody can know. The lock stays until proof or a person frees it. */
export function unresolved(
  order: Order,
  current: In<"reconcile"> | In<"watch">,
  seen: string,
  trust: Trust | null,
): Decision {
  const jobId = current.phase === "watch" ? current.jobId : current.accepted?.jobId;
  return final(
    {
      event: "unresolved",
      data: {
        seen,
        why: current.phase === "watch" ? "deadline" : current.why,
        ...(jobId === undefined ? {} : { job_id: jobId }),
        system_disk_before: current.before?.systemDiskId ?? null,
        ...(trust === null ? {} : { disk_evidence: trust }),
        next_step: `Look at the server: compare its system disk with system_disk_before.${neverDead(current)} The server stays locked until the cloud proves what happened (event settled) or a person says it: ${resolveLine(order)}.`,
      },
    },
    { lock: "keep", undo: false, inquiry: inquiryOf(current) },
  );
}

/** Of a request that no time makes too old: why the same disk was no proof, and is none later. */
function neverDead(current: In<"reconcile"> | In<"watch">): string {
  if (current.phase === "watch" || current.accepted !== undefined) return "";
  return current.fenceAtMs === null
    ? " With token authentication a request may still be carried out later: that the disk is the old one proves nothing."
    : "";
}

function inquiryOf(current: In<"reconcile"> | In<"watch">): InquirySeed {
  if (current.phase === "watch") {
    const { before, power, jobId, acceptedAtMs: atMs, deadlineMs } = current;
    // By the deadline every request is dead (src/config/inequalities.ts).
    const accepted = { jobId, atMs };
    return { before, ...powerMember(power), fenceAtMs: deadlineMs, accepted, why: "deadline" };
  }
  const { before, power, fenceAtMs, accepted, why } = current;
  return {
    ...powerMember(power),
    ...(before === undefined ? {} : { before }),
    fenceAtMs,
    ...(accepted === undefined ? {} : { accepted }),
    why,
  };
}
