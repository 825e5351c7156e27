import type { ProjectId } from "../../../contract/ids.ts";

/** For which projects IAM gives tokens to a user: who is given some, and none for one project, is no wrong user. */
export interface KnownProjects {
  given(project: ProjectId, identity: string): void;
  /** A refusal: of the user, or of this project alone. */
  refused(project: ProjectId, identity: string): void;
  /** It was refused last. */
  isRefused(project: ProjectId, identity: string): boolean;
  /** Its user is given tokens, and none for this project. */
  isStrange(project: ProjectId, identity: string): boolean;
  /** Refused, each of them, since the user was last given a token. */
  suspects(identity: string): number;
  /**
   * Another project, that was not refused: what IAM says of it shows whether a refusal was for the user or for the project. `given`:
   * one that the user had a token for; `any`: if there is none, another. Null: there is none.
   */
  witness(project: ProjectId, identity: string, among: "given" | "any"): ProjectId | null;
}

/** Refusals in a row after which a project is a strange one, where no other could be asked about. */
const STRANGE_AFTER = 2;

/** `configured`: all that a token may be asked for. */
export function createKnownProjects(configured: readonly ProjectId[]): KnownProjects {
  const givenTo = new Map<ProjectId, string>();
  const refusals = new Map<ProjectId, { readonly identity: string; readonly count: number }>();
  const suspects = new Set<ProjectId>();

  const isRefused = (project: ProjectId, identity: string) =>
    refusals.get(project)?.identity === identity;
  const suspectsOf = (identity: string) => [...suspects].filter((one) => isRefused(one, identity));

  return {
    isRefused,
    given(project, identity) {
      givenTo.set(project, identity);
      refusals.delete(project);
      suspects.delete(project);
      // The user is right: whoever was refused was refused alone.
      for (const suspect of suspectsOf(identity)) givenTo.delete(suspect);
      suspects.clear();
    },
    refused(project, identity) {
      const count = isRefused(project, identity) ? (refusals.get(project)?.count ?? 0) + 1 : 1;
      refusals.set(project, { identity, count });
      suspects.add(project);
      if (count >= STRANGE_AFTER) givenTo.delete(project);
    },
    isStrange: (project, identity) =>
      givenTo.get(project) !== identity && [...givenTo.values()].includes(identity),
    suspects: (identity) => suspectsOf(identity).length,
    witness(project, identity, among) {
      const given = [...givenTo.keys()].filter((one) => givenTo.get(one) === identity);
      const asked = among === "given" ? given : [...given, ...configured];
      return asked.find((one) => one !== project && !isRefused(one, identity)) ?? null;
    },
  };
}
