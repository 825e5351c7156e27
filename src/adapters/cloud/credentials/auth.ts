import type { CloudSettings } from "../settings.ts";
import { createAuthBreaker } from "./auth-breaker.ts";
import { createProjectAuth } from "./project-auth.ts";
import type { ProjectQuestionDeps } from "./project-question.ts";
import { createRefusedProjects, type RefusedProjects } from "./refused-projects.ts";
import { ALONE, type SharedRefusals } from "./shared-refusals.ts";

export interface AuthDeps extends Pick<ProjectQuestionDeps, "ask" | "names" | "nowMs"> {
  readonly refusals: SharedRefusals;
}

/** Twice is no accident; where one refusal stops all, one is enough for a project, too. */
const ALONE_AFTER = 2;

/** What lets requests through as far as our credentials allow it: those to the API, and those for a token. */
export function createAuth(
  { breaker, credentials, projects = [] }: CloudSettings,
  { refusals, ...deps }: AuthDeps,
) {
  const { authFailures: failures = 2, authOpenMs: openMs } = breaker;
  const { nowMs } = deps;
  const options = { failures, openMs };
  const single = { failures: 1, openMs };
  const ofCalls = credentials.kind === "ak-sk" ? refusals : ALONE;
  const aloneAfter = Math.min(ALONE_AFTER, failures);
  const refused = createRefusedProjects(projects, { aloneAfter, pauseMs: openMs }, nowMs);
  return {
    auth: createProjectAuth({
      ...deps,
      breakers: {
        all: createAuthBreaker(options, nowMs, heardBy(refused, ofCalls)),
        alone: createAuthBreaker(single, nowMs, ofCalls),
        witness: createAuthBreaker(single, nowMs, ofCalls),
      },
      refused,
    }),
    // Two: a password that IAM takes must not make the refusals of its tokens look single.
    // One at a time: a changed password ends the tokens of all projects at once, and more than five refusals lock the user.
    login: createAuthBreaker({ ...options, atOnce: 1 }, nowMs, refusals),
    // A project that is refused for itself must not stop the log-ins of the others; and a wrong password not be tried for each.
    strangers: createAuthBreaker(single, nowMs, refusals),
    beside: createAuthBreaker(single, nowMs, refusals),
  };
}

/** Whom another replica was refused for is not tried here once more, as if it were a second refusal: another is asked about first. */
function heardBy(refused: Pick<RefusedProjects, "heard">, shared: SharedRefusals): SharedRefusals {
  return {
    ...shared,
    async look(name) {
      const others = await shared.look(name);
      if (others?.project !== undefined && others.refusals > 0) {
        refused.heard(others.project, others.why ?? "");
      }
      return others;
    },
  };
}
