import type { OsReinstall } from "../contract/os-reinstall.ts";
import { type Candidate, knownPower } from "./candidate.ts";
import { type Decision, next } from "./decision.ts";
import { restartsKept } from "./decisions/off-too-long.ts";
import type { Moment } from "./moment.ts";
import type { ServerView } from "./server/observations.ts";
import { fenceOf } from "./rules.ts";
import { aboutToStop, powerMember, stoppedByCloud } from "./server/power.ts";
import { describe } from "./server/server-fitness.ts";
import type { Before, In } from "./state/state.ts";

/** What goes along towards the POST. */
type Taken = Pick<Candidate, "body" | "tries" | "power">;

/** On to the dangerous line, at once. */
export function towardsSubmit(
  { body, tries, power }: Taken,
  server: ServerView,
  { nowMs }: Moment,
): Decision {
  const before = beforeOf(server, nowMs);
  if (before === undefined) throw new Error("a server without a system disk cannot be submitted");
  return next({ phase: "submit", body, tries, before, ...powerMember(power) }, 0);
}

/** It runs: we stop it first, or leave the stopping to the cloud (`STOP_BY`). */
export function towardsStopped(taken: Taken, server: ServerView, moment: Moment): Decision {
  return moment.rules.stopBy === "cloud"
    ? towardsSubmit(taken, server, moment)
    : towardsPrepare(taken, server, moment);
}

/**
 * Stop it first. The event follows when the stop is really asked for.
 *
 * @internal
 */
export function towardsPrepare(
  { body, tries, power }: Taken,
  server: ServerView,
  { nowMs }: Moment,
): Decision {
  const before = beforeOf(server, nowMs);
  if (before === undefined) throw new Error("a server without a system disk cannot be prepared");
  const stopping = powerMember(aboutToStop(power));
  return next({ phase: "prepare", body, tries, before, ...stopping, sinceMs: nowMs }, 0);
}

/** What the server was before anything was done to it; undefined without a system disk. */
export function beforeOf(server: ServerView, nowMs: number): Before | undefined {
  if (server.systemDiskId === null) return undefined;
  return {
    systemDiskId: server.systemDiskId,
    ...(server.volumeType === null ? {} : { volumeType: server.volumeType }),
    ...(server.osType === null ? {} : { osType: server.osType }),
    status: describe(server),
    atMs: nowMs,
  };
}

/**
 * The lock is ours, but the store has forgotten whether this command was carried out before: nothing is sent
 * until a look at the server proves that it was not (design §6).
 */
export function towardsProof(
  candidate: Omit<Candidate, "body"> & { readonly body?: OsReinstall | undefined },
  moment: Moment,
): Decision {
  const { nowMs, rules } = moment;
  const { order, body, tries, waiting } = candidate;
  const seenByEmitter =
    order.expectedSystemDisk === undefined
      ? undefined
      : { systemDiskId: order.expectedSystemDisk, status: "unknown", atMs: order.receivedAtMs };
  const before = waiting?.before ?? seenByEmitter;
  return next(
    {
      phase: "reconcile",
      ...(body === undefined ? {} : { body }),
      tries,
      ...(before === undefined ? {} : { before }),
      ...powerMember(knownPower(candidate)),
      fenceAtMs: fenceOf(undefined, moment),
      deadlineMs: nowMs + rules.jobDeadlineMs,
      sinceMs: nowMs,
      why: "store-forgot",
    },
    rules.ladderMs[0] ?? 0,
  );
}

/**
 * It is not known whether the request was, or still will be, carried out. Until its signature is too old
 * nobody may conclude "not carried out", free the lock, or try again. An unknown signing time counts as now.
 */
export function towardsReconcile(
  current: In<"submit">,
  signedAtMs: number | null | undefined,
  why: In<"reconcile">["why"],
  moment: Moment,
): Decision {
  const { nowMs, rules } = moment;
  return next(
    {
      phase: "reconcile",
      body: current.body,
      tries: {
        ...restartsKept(current.tries),
        attempt: current.tries.attempt,
        spent: current.tries.spent + 1,
      },
      before: current.before,
      ...powerMember(stoppedByCloud(current.power, rules)),
      fenceAtMs: fenceOf(signedAtMs, moment),
      deadlineMs: nowMs + rules.jobDeadlineMs,
      sinceMs: nowMs,
      why,
    },
    rules.ladderMs[0] ?? 0,
  );
}
