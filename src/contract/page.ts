/** Which part of a long list. */
export interface PageAsked {
  /** At most so many. */
  readonly limit: number;
  /** Of the answer before; absent: from the beginning. */
  readonly cursor?: PageMark | undefined;
}

/** Behind which entry a page begins. */
export interface PageMark {
  readonly project: string;
  /** Epoch ms: the order of the list. */
  readonly score: number;
  readonly id: string;
}

/** Part of a list. It may hold fewer entries than were asked for, even none, and still have a next page. */
export interface Page<Entry> {
  readonly entries: readonly Entry[];
  /** Null: there is no more. */
  readonly next: PageMark | null;
}
