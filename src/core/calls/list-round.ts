/**
 * When one list of a project's servers stands for the polls of its jobs: list-round.lua and list-ended.lua decide it, for all
 * replicas together.
 */
export interface ListRules {
  /** A list is used for so long. */
  readonly freshMs: number;
  /** Polls are counted over so long. */
  readonly windowMs: number;
  /** So long one poll may take to list; then it counts as failed. */
  readonly leaseMs: number;
  /** No list for so long after one that failed, each time twice as long, up to `longestHoldMs`. */
  readonly holdMs: number;
  readonly longestHoldMs: number;
  /** A list is made where the polls that would share it are more than so many for each of its pages. */
  readonly worth: number;
}

export const LIST_RULES: ListRules = {
  freshMs: 2_000,
  windowMs: 10_000,
  leaseMs: 5_000,
  holdMs: 30_000,
  longestHoldMs: 600_000,
  worth: 2,
};

/** Servers on one page, the most that there may be (ECS API notes §12). */
export const LIST_PAGE = 1_000;

/** A project with more pages is not listed: the calls of one poll would be too many. */
export const MOST_PAGES = 5;

/** What one poll is to do. */
export type RoundAnswer =
  /** Ask for its job. `few`: a list would cost more; `held`: lists failed lately. */
  | { readonly kind: "alone"; readonly why: "few" | "held" }
  /** See what the list says that was begun then. */
  | { readonly kind: "listed"; readonly atMs: number }
  /** Make the list; `begunMs` names it. */
  | { readonly kind: "listing"; readonly begunMs: number }
  /** Another poll is making it. */
  | { readonly kind: "awaited" };

/** What became of a list: its pages; or how long it is to be left alone at least; null: no call was left for it. */
export type ListEnd =
  | { readonly kind: "listed"; readonly pages: number }
  | { readonly kind: "failed"; readonly atLeastMs: number }
  | { readonly kind: "unasked" };
