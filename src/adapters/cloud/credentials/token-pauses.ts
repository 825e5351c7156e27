import type { ProjectId } from "../../../contract/ids.ts";
import type { Unavailable } from "../../../core/server/observations.ts";
import { type CredentialValues, identityOf } from "./credentials.ts";

export type IamUser = Extract<CredentialValues, { kind: "iam-user" }>;
export type NoToken = { readonly kind: "unavailable" } & Unavailable;

/** After a failure everybody gets its answer for so long, unless IAM says longer: it throttles too. */
const FAILURE_PAUSE_MS = 5_000;

/** Who got no token is answered so until its pause is over: IAM is not asked meanwhile. */
export interface TokenPauses {
  /** Null: a token may be asked for. */
  answerTo(project: ProjectId, user: IamUser): NoToken | null;
  /** `pauseMs`: at least so long. */
  failed(project: ProjectId, user: IamUser, answer: NoToken, pauseMs?: number): void;
  given(project: ProjectId, user: IamUser): void;
}

/** One user's projects have pauses of their own: IAM may know one and not another. Only when it throttles, it throttles the user. */
export function createTokenPauses(nowMs: () => number): TokenPauses {
  const pauses = new Map<string, { readonly untilMs: number; readonly answer: NoToken }>();

  return {
    answerTo(project, user) {
      for (const key of [identityOf(user), tokenKey(project, user)]) {
        const pause = pauses.get(key);
        const leftMs = Math.ceil((pause?.untilMs ?? 0) - nowMs());
        if (pause === undefined || leftMs <= 0) continue;
        const { answer } = pause;
        const { retryAfterMs } = answer;
        // What is left of it: who asks late does not wait for the whole once more.
        return retryAfterMs === null || retryAfterMs <= leftMs
          ? answer
          : { ...answer, retryAfterMs: leftMs };
      }
      return null;
    },
    failed(project, user, answer, pauseMs = 0) {
      for (const [key, { untilMs }] of pauses) if (untilMs <= nowMs()) pauses.delete(key);
      const atLeastMs = Math.max(FAILURE_PAUSE_MS, pauseMs, answer.retryAfterMs ?? 0);
      const key = answer.waitsFor === "throttled" ? identityOf(user) : tokenKey(project, user);
      pauses.set(key, { untilMs: nowMs() + atLeastMs, answer });
    },
    given(project, user) {
      pauses.delete(tokenKey(project, user));
    },
  };
}

/** Names a token that a user may have: one for each project. Holds no secret. */
export function tokenKey(project: ProjectId, user: IamUser): string {
  return `${project} ${identityOf(user)}`;
}
