import { z } from "zod";
import type { CloudAnswer, Refusal } from "./answers.ts";
import { type Operation, operations } from "./operation.ts";

/**
 * How a call over the quota is refused (ECS API reference notes §5.3, §5.4):
 *
 * - `text`: `APIGW.0308` with `limit:N,time:M` in its message, as documented
 * - `header`: `APIGW.0308` without numbers, and `Retry-After` until the window ends
 * - `status-429`, `status-503`: the mere status, without a body
 */
const refusals = z.enum(["text", "header", "status-429", "status-503"]);

export const quotaSchema = z.strictObject({
  /** So many calls pass in a window; the window begins with its first call. Refused calls are not counted. */
  calls: z.number().int().positive(),
  perMs: z.number().int().positive(),
  refusal: refusals.default("text"),
  /** The calls that share the quota; absent: all but those of IAM. */
  operations: z.array(z.enum(operations)).min(1).optional(),
});
export type Quota = z.input<typeof quotaSchema>;

/** What a quota did since it was set. */
export interface QuotaCounts {
  readonly passed: number;
  readonly refused: number;
}

/** A limit on calls in front of everything else: faults are not spent on calls that it refuses. */
export function createQuota(nowMs: () => number, initial: Quota | null) {
  let quota = initial === null ? null : quotaSchema.parse(initial);
  let endsMs = 0;
  let taken = 0;
  let counts = { passed: 0, refused: 0 };

  function set(next: Quota | null): void {
    quota = next === null ? null : quotaSchema.parse(next);
    endsMs = 0;
    taken = 0;
    counts = { passed: 0, refused: 0 };
  }

  return {
    set,
    reset: () => set(initial),
    read: () => ({ quota, ...counts }),

    /** The refusal of this call; undefined: it may pass. `errorAnswer` writes it in the shape of the API. */
    refuse(
      operation: Operation,
      errorAnswer: (refusal: Refusal) => CloudAnswer,
    ): CloudAnswer | undefined {
      if (quota === null || !isLimited(operation, quota)) return undefined;
      const now = nowMs();
      if (now >= endsMs) {
        endsMs = now + quota.perMs;
        taken = 0;
      }
      if (taken < quota.calls) {
        taken += 1;
        counts.passed += 1;
        return undefined;
      }
      counts.refused += 1;
      return refusalOf(quota, endsMs - now, errorAnswer);
    },
  };
}

type Limits = z.infer<typeof quotaSchema>;

function isLimited(operation: Operation, { operations: limited }: Limits): boolean {
  return limited?.includes(operation) ?? (operation !== "token" && operation !== "project");
}

function refusalOf(
  { refusal, calls, perMs }: Limits,
  leftMs: number,
  errorAnswer: (refusal: Refusal) => CloudAnswer,
): CloudAnswer {
  const text = "The throttling threshold has been reached";
  switch (refusal) {
    case "text": {
      const message = `${text}: policy user over ratelimit,limit:${calls},time:${windowText(perMs)}`;
      return errorAnswer({ code: "APIGW.0308", message });
    }
    case "header": {
      const answer = errorAnswer({ code: "APIGW.0308", message: text });
      const seconds = String(Math.ceil(leftMs / 1_000));
      return { ...answer, headers: { ...answer.headers, "retry-after": seconds } };
    }
    case "status-429":
    case "status-503":
      return { status: Number(refusal.slice(-3)), headers: {}, body: "" };
  }
}

/** `5 minute`, as the documented text says it. */
function windowText(perMs: number): string {
  return perMs % 60_000 === 0 ? `${perMs / 60_000} minute` : `${Math.ceil(perMs / 1_000)} second`;
}
