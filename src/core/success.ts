import { type Decision, final, next } from "./decision.ts";
import type { Moment } from "./moment.ts";
import type { ServerView } from "./observations.ts";
import { type Power, powerOf, powerSaid, shouldRun } from "./power.ts";
import type { In } from "./state.ts";

/** What is known about a reinstall that worked. `durationSeconds` is null when no job said it. */
export type Success = In<"settle">["success"] & { readonly jobId?: In<"settle">["jobId"] };

/** How the server was found, and how it is seen now; null: it cannot be seen. */
export interface PowerSeen {
  readonly power: Power | undefined;
  readonly server: ServerView | null;
}

/** It worked. A server that is off though it should run is started before that is said (brakes.md §8). */
export function succeed(success: Success, { power, server }: PowerSeen, moment: Moment): Decision {
  const after = server === null ? null : powerOf(server);
  if (after === "off" && shouldRun(power, moment.rules)) {
    return towardsStart(success, power, moment);
  }
  const said = power === undefined ? {} : { power: powerSaid(power, after ?? "unknown") };
  return concludeSuccess({ ...success, ...said }, moment);
}

/** The cloud may still be starting it: it is looked at again first, a rung later. */
function towardsStart(
  { jobId, ...success }: Success,
  power: Power | undefined,
  { nowMs, rules }: Moment,
): Decision {
  return next(
    {
      phase: "restore",
      power: power ?? { was: "on", mayHaveStopped: false },
      sinceMs: nowMs,
      seenOff: 1,
      after: { kind: "succeed", success, ...(jobId === undefined ? {} : { jobId }) },
    },
    rules.ladderMs[0] ?? 0,
  );
}

/** Keeps the lock for the settling time, if there is one, then says so. */
export function concludeSuccess(
  { jobId, ...success }: Success,
  { nowMs, rules }: Moment,
): Decision {
  const settling: In<"settle"> = {
    phase: "settle",
    ...(jobId === undefined ? {} : { jobId }),
    untilMs: nowMs + rules.settleMs,
    success,
  };
  return rules.settleMs > 0 ? next(settling, rules.settleMs) : afterSettling(settling, nowMs);
}

/** The lock has been kept long enough: the final word. */
export function afterSettling(current: In<"settle">, nowMs: number): Decision {
  if (nowMs < current.untilMs) return next(current, current.untilMs - nowMs);
  const { success, jobId } = current;
  return final(
    {
      event: "succeeded",
      data: {
        job_id: jobId ?? null,
        duration_seconds: success.durationSeconds,
        verified: success.verified,
        evidence: success.evidence,
        ...(success.power === undefined ? {} : { power: success.power }),
      },
    },
    {
      healedAtMs: nowMs,
      undo: false,
      sample:
        success.disk === "unseen"
          ? null
          : { volumeType: success.volumeType ?? null, disk: success.disk },
    },
  );
}
