import type { ProjectId } from "../../../contract/ids.ts";
import type { AuthBreaker, AuthEntry } from "./auth-breaker.ts";
import type { AuthResult, Grant } from "./auth-record.ts";
import {
  createProjectQuestion,
  isNews,
  leaveBeside,
  named,
  type ProjectQuestionDeps,
} from "./project-question.ts";
import type { LoneProject } from "./refused-projects.ts";
import { withReason } from "../with-reason.ts";

/** Lets calls through as far as our credentials allow it, for each project. */
export interface ProjectAuth extends Pick<AuthBreaker, "seen" | "state" | "waitMs"> {
  of(project: ProjectId): AuthBreaker;
  /** A call was held back: finds out whether that is right, beside all calls. Returns at once. */
  settle(): void;
  /** Projects that are refused while others are taken. */
  alone(): readonly LoneProject[];
}

/** What those wait for whom another is asked about. */
const HELD_MS = 1_000;

/**
 * A key that is refused for one project and taken for another is right. So whoever is refused is not tried again before another
 * project was asked about: two refusals in a row are of two projects, and mean the key. A project that is refused beside others
 * that are taken waits alone, and is tried again after a pause, one for all of them and all replicas: more than five refusals in
 * a row would lock the key, whatever they are about.
 */
export function createProjectAuth(deps: ProjectQuestionDeps): ProjectAuth {
  const { breakers, refused, names } = deps;
  const { all, alone } = breakers;
  const question = createProjectQuestion(deps);
  /** Calls that may still show it: nobody needs to ask. */
  let flying = 0;

  /** Another one must be asked about first. */
  const isHeld = (project: ProjectId) => refused.isSuspect(project) && refused.witness() !== null;

  function waitMs(project: ProjectId, identity: string): number {
    refused.see(identity);
    const ofAllMs = all.waitMs(identity);
    if (refused.isAlone(project)) {
      return Math.max(ofAllMs, refused.waitMs(project), alone.waitMs(identity));
    }
    return isHeld(project) ? Math.max(ofAllMs, HELD_MS) : ofAllMs;
  }

  function whyHeld(project: ProjectId): string {
    if (all.waitMs(names().identity) > 0) return all.whyHeld();
    return withReason(refused.isAlone(project) ? ALONE : SUSPECT, refused.why(project));
  }

  function leaveAll(
    project: ProjectId,
    grant: Grant,
    entry: Extract<AuthEntry, { kind: "go" }>,
  ): typeof entry.leave {
    flying += 1;
    const learn = (result: AuthResult, why?: string): boolean => {
      if (isNews(grant, result) && (refused.isRefusedBeside(project) || isHeld(project))) {
        // It stops nobody else. What was under way together with the first refusal says nothing more than that one.
        if (refused.isRefusedBeside(project)) refused.refused(project, why ?? "");
        return entry.leave("neither");
      }
      const isRefusal = entry.leave(result, why);
      if (result === "proven" && grant.isCurrent()) refused.taken(project);
      if (isRefusal) refused.refused(project, why ?? "");
      return isRefusal;
    };
    return (result, why) => {
      flying -= 1;
      const isRefusal = learn(result, why);
      if (refused.suspects().length > 0) settle();
      return isRefusal;
    };
  }

  function of(project: ProjectId): AuthBreaker {
    return {
      async enter(grant, signal) {
        if (!grant.isCurrent()) return { kind: "stale" };
        const ms = waitMs(project, grant.identity);
        if (ms > 0) return { kind: "wait", ms, why: whyHeld(project) };
        if (refused.isAlone(project)) {
          const entry = await alone.enter(named(grant, "alone"), signal);
          return entry.kind === "go"
            ? { kind: "go", leave: leaveBeside(deps, project, grant, entry) }
            : entry;
        }
        // Who waits while this project is refused goes out of the way of the one that is asked about.
        const isCurrent = () => grant.isCurrent() && !isHeld(project);
        const entry = await all.enter({ ...grant, project, isCurrent }, signal);
        if (entry.kind === "go") return { kind: "go", leave: leaveAll(project, grant, entry) };
        if (entry.kind !== "stale" || !grant.isCurrent()) return entry;
        // Another replica may have been refused for it: nobody here has asked yet.
        settle();
        return { kind: "wait", ms: HELD_MS, why: whyHeld(project) };
      },
      waitMs: (identity) => waitMs(project, identity),
      whyHeld: () => whyHeld(project),
      review: (name) => all.review(name),
      vouch: (grant) => all.vouch(grant),
      state: () => all.state(),
      seen: () => all.seen(),
    };
  }

  function settle(): void {
    if (flying === 0) question.ask();
  }

  return {
    of,
    settle,
    alone: () => refused.alone(),
    waitMs(identity) {
      refused.see(identity);
      return all.waitMs(identity);
    },
    state: () => all.state(),
    seen: () => all.seen(),
  };
}

const ALONE =
  "held back: the cloud does not accept our credentials for this project, and does for another";
const SUSPECT =
  "held back: the cloud has refused our credentials for this project; another is asked about first";
