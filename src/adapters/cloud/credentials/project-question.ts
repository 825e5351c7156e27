import type { ProjectId } from "../../../contract/ids.ts";
import type { AuthBreaker, AuthEntry } from "./auth-breaker.ts";
import type { AuthResult, Grant } from "./auth-record.ts";
import type { CredentialNames } from "./credentials.ts";
import type { RefusedProjects } from "./refused-projects.ts";

export interface ProjectQuestionDeps {
  /** Of all projects; of those that are refused alone; of the one question while `all` is open. */
  readonly breakers: { readonly [Name in "all" | "alone" | "witness"]: AuthBreaker };
  readonly refused: RefusedProjects;
  /** Asks the cloud about a project what changes nothing; `auth` lets it through. */
  readonly ask: (project: ProjectId, auth: AuthBreaker) => Promise<unknown>;
  /** Of the credentials as they are now. */
  readonly names: () => CredentialNames;
  readonly nowMs: () => number;
}

/** Whether it is the key that is refused, or the project. */
export interface ProjectQuestion {
  /** Asks about another project, if there is one and nobody asks. Returns at once. */
  ask(): void;
}

/** Between two questions. */
const ASK_MS = 1_000;

export function createProjectQuestion(deps: ProjectQuestionDeps): ProjectQuestion {
  const { breakers, refused, ask, names, nowMs } = deps;
  const { all, witness } = breakers;
  let asking = false;
  let nextMs = Number.NEGATIVE_INFINITY;

  /**
   * The question: one replica at a time, and none for a pause after one that was refused. Of it nothing is ever proven. Where the
   * others are not stopped they wait for it, as for anyone who tries; otherwise it goes beside them.
   */
  function through(project: ProjectId): AuthBreaker {
    return {
      ...witness,
      async enter(grant, signal) {
        // Its token is forgotten by those who count it for all.
        const { forget: _forget, ...lasting } = named(grant, "witness");
        const once = { ...lasting, proof: `${grant.proof}-${nowMs()}` };
        const alone = await witness.enter(once, signal);
        if (alone.kind !== "go") return alone;
        const leave = leaveBeside(deps, project, grant, alone);
        if (all.waitMs(grant.identity) > 0) return { kind: "go", leave };
        const entry = await all.enter({ ...grant, project }, signal);
        if (entry.kind !== "go") {
          alone.leave("neither");
          return entry;
        }
        return {
          kind: "go",
          leave(result, why) {
            leave(result, why);
            return entry.leave(result, why);
          },
        };
      },
    };
  }

  async function find(): Promise<void> {
    const { identity, publicName } = names();
    refused.see(identity);
    if (all.waitMs(identity) > 0) await all.review(publicName);
    const other = refused.witness();
    const suspects = refused.suspects().length;
    if (other === null || suspects === 0) return;
    // Two projects that are refused mean the key: nothing more is tried before the pause is over.
    if (suspects > 1 && all.waitMs(identity) > 0) return;
    await ask(other, through(other));
  }

  return {
    ask(): void {
      if (asking || nowMs() < nextMs) return;
      asking = true;
      const over = () => {
        asking = false;
        nextMs = nowMs() + ASK_MS;
      };
      // What went wrong is asked again, with the next call that is held back.
      find().then(over, over);
    },
  };
}

/** What goes beside the others shows of them that they may go, if it is taken. */
export function leaveBeside(
  { refused, breakers }: Pick<ProjectQuestionDeps, "refused" | "breakers">,
  project: ProjectId,
  grant: Grant,
  entry: Extract<AuthEntry, { kind: "go" }>,
): typeof entry.leave {
  return (result, why) => {
    if (result === "proven" && grant.isCurrent()) {
      refused.taken(project);
      breakers.all.vouch(grant);
    }
    if (isNews(grant, result)) refused.refused(project, why ?? "");
    return entry.leave(result, why);
  };
}

/** What is counted apart from all others. */
export function named(grant: Grant, part: string): Grant {
  return { ...grant, sharedName: `${grant.sharedName}-${part}` };
}

export function isNews(grant: Grant, result: AuthResult): boolean {
  return result === "denied" && grant.isCurrent();
}
