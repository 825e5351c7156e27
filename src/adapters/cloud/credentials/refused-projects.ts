import type { ProjectId } from "../../../contract/ids.ts";

/** A project whose calls the cloud refuses, while it takes those of others. */
export interface LoneProject {
  readonly project: ProjectId;
  /** The cloud's last refusal, for people. */
  readonly why: string;
}

/** Of which projects the cloud refuses the calls: who is taken for one, and refused for another, has no wrong key. */
export interface RefusedProjects {
  /** Whose credentials the rest is about: of others nothing is known. */
  see(identity: string): void;
  taken(project: ProjectId): void;
  refused(project: ProjectId, why: string): void;
  /** Another replica was refused for it: the same question is due here, if nothing is known of it. */
  heard(project: ProjectId, why: string): void;
  /** Refused last, and nobody has asked about another since: the key may be wrong, or the project. */
  isSuspect(project: ProjectId): boolean;
  suspects(): readonly ProjectId[];
  /** Refused last, and another was taken since. One more refusal says nothing of the key. */
  isRefusedBeside(project: ProjectId): boolean;
  /** The same, as often as it takes to leave it alone. */
  isAlone(project: ProjectId): boolean;
  alone(): readonly LoneProject[];
  /** How long it is left alone. */
  waitMs(project: ProjectId): number;
  /** What the cloud said last; null: it is not refused. */
  why(project: ProjectId): string | null;
  /** Another project, that was not refused: its answer shows what is wrong. One that was taken before goes first. Null: there is none. */
  witness(): ProjectId | null;
}

/** This part of the pause the others that were refused have to go first, when one of them may be tried again. */
const GIVES_WAY = 0.2;

interface Refusal {
  readonly count: number;
  readonly why: string;
  readonly notBeforeMs: number;
  readonly isBeside: boolean;
}

/** `aloneAfter`: refusals in a row. `nowMs` is monotonic. */
export function createRefusedProjects(
  configured: readonly ProjectId[],
  { aloneAfter, pauseMs }: { readonly aloneAfter: number; readonly pauseMs: number },
  nowMs: () => number,
): RefusedProjects {
  const taken = new Set<ProjectId>();
  const refusals = new Map<ProjectId, Refusal>();
  let known = "";

  const isRefusedBeside = (project: ProjectId) => refusals.get(project)?.isBeside === true;
  const isSuspect = (project: ProjectId) => refusals.get(project)?.isBeside === false;
  const isAlone = (project: ProjectId) =>
    isRefusedBeside(project) && (refusals.get(project)?.count ?? 0) >= aloneAfter;

  function refuse(project: ProjectId, why: string): void {
    const { count = 0, isBeside = false } = refusals.get(project) ?? {};
    const notBeforeMs = nowMs() + pauseMs * (1 + GIVES_WAY);
    refusals.set(project, { count: count + 1, why, notBeforeMs, isBeside });
  }

  return {
    see(identity) {
      if (identity === known) return;
      known = identity;
      taken.clear();
      refusals.clear();
    },
    taken(project) {
      taken.add(project);
      refusals.delete(project);
      for (const [other, refusal] of refusals) refusals.set(other, { ...refusal, isBeside: true });
    },
    refused: refuse,
    heard(project, why) {
      if (configured.includes(project) && !refusals.has(project)) refuse(project, why);
    },
    isSuspect,
    suspects: () => [...refusals.keys()].filter(isSuspect),
    isRefusedBeside,
    isAlone,
    alone: () =>
      [...refusals].flatMap(([project, { why }]) => (isAlone(project) ? [{ project, why }] : [])),
    waitMs(project) {
      const { notBeforeMs = 0 } = refusals.get(project) ?? {};
      return isAlone(project) ? Math.max(0, Math.ceil(notBeforeMs - nowMs())) : 0;
    },
    why: (project) => refusals.get(project)?.why ?? null,
    witness: () => [...taken, ...configured].find((one) => !refusals.has(one)) ?? null,
  };
}
