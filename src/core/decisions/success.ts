import { type Decision, final, next } from "../decision.ts";
import type { Moment } from "../moment.ts";
import type { ServerView } from "../server/observations.ts";
import { type Power, powerOf, powerSaid, shouldRun } from "../server/power.ts";
import type { In } from "../state/state.ts";

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

/** Keeps the lock for the settling time, if there is one, then asks the server whether it is ready, if it is to be asked. */
export function concludeSuccess({ jobId, ...success }: Success, moment: Moment): Decision {
  const { nowMs, rules } = moment;
  const settling: In<"settle"> = {
    phase: "settle",
    ...(jobId === undefined ? {} : { jobId }),
    untilMs: nowMs + rules.settleMs,
    success,
  };
  return rules.settleMs > 0 ? next(settling, rules.settleMs) : afterSettling(settling, moment);
}

/** The lock has been kept long enough: is the server asked, or is this the end? */
export function afterSettling(current: In<"settle">, { nowMs, rules }: Moment): Decision {
  if (nowMs < current.untilMs) return next(current, current.untilMs - nowMs);
  const { success, jobId } = current;
  const { readyTimeoutMs } = rules;
  if (readyTimeoutMs === null) return succeeded(current, null, nowMs);
  return next(
    {
      phase: "ready",
      ...(jobId === undefined ? {} : { jobId }),
      success,
      sinceMs: nowMs,
      untilMs: nowMs + readyTimeoutMs,
    },
    0,
  );
}

/** The result of asking the server. */
export interface ReadyVerdict {
  readonly ready: boolean;
  /** For how long it was asked. */
  readonly askedMs: number;
  /** The result of the last ask, where the server is not ready. */
  readonly detail?: string;
}

/** The final word; `verdict` is null where nobody asked the server. */
export function succeeded(
  { success, jobId }: Pick<In<"settle" | "ready">, "success" | "jobId">,
  verdict: ReadyVerdict | null,
  healedAtMs: number,
): Decision {
  return final(
    {
      event: "succeeded",
      data: {
        job_id: jobId ?? null,
        duration_seconds: success.durationSeconds,
        verified: success.verified,
        evidence: success.evidence,
        ...(success.power === undefined ? {} : { power: success.power }),
        ...(verdict === null ? {} : readySaid(verdict)),
      },
    },
    {
      healedAtMs,
      undo: false,
      sample:
        success.disk === "unseen"
          ? null
          : { volumeType: success.volumeType ?? null, disk: success.disk },
    },
  );
}

function readySaid({ ready, askedMs, detail }: ReadyVerdict) {
  return {
    ready,
    ready_seconds: Math.max(0, askedMs) / 1000,
    ...(detail === undefined ? {} : { ready_detail: detail }),
  };
}
