import { type Decision, final, next } from "./decision.ts";
import type { Moment } from "./moment.ts";
import type { In } from "./state.ts";

/** What is known about a reinstall that worked. `durationSeconds` is null when no job said it. */
export type Success = In<"settle">["success"] & { readonly jobId?: In<"settle">["jobId"] };

/** It worked: keep the lock for the settling time, if there is one, then say so. */
export function succeed({ jobId, ...success }: Success, { nowMs, rules }: Moment): Decision {
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
      },
    },
    {
      healedAtMs: nowMs,
      sample:
        success.disk === "unseen"
          ? null
          : { volumeType: success.volumeType ?? null, disk: success.disk },
    },
  );
}
