import type { ReinstallStore } from "../steps/ports/reinstall-store.ts";

/** One question to the store. */
export type StoreCall = keyof ReinstallStore;
type Asked<C extends StoreCall> = Parameters<ReinstallStore[C]>;
type Answer<C extends StoreCall> = Awaited<ReturnType<ReinstallStore[C]>>;

/** Somebody who looks on while the store is asked, and changes nothing. */
export interface StoreWatch {
  /** Stands around each question and gives its answer on. */
  readonly around?: <T>(call: StoreCall, ask: () => Promise<T>) => Promise<T>;
  /** Sees an answer, and what it answers. Not called where the store throws. */
  readonly seen: {
    readonly [C in StoreCall]?: (answer: Answer<C>, ...asked: Asked<C>) => void;
  };
}

/** The store as it is, with everybody who looks on: the last one's `around` is outermost, the first sees an answer first. */
export function watchedStore(
  store: ReinstallStore,
  watches: readonly StoreWatch[],
): ReinstallStore {
  function watched<C extends StoreCall>(call: C) {
    return async (...asked: Asked<C>): Promise<Answer<C>> => {
      const method = store[call] as (...asked: Asked<C>) => Promise<Answer<C>>;
      const ask = watches.reduce(
        (inner, { around }) => (around === undefined ? inner : () => around(call, inner)),
        () => method.apply(store, asked),
      );
      const answer = await ask();
      for (const { seen } of watches) seen[call]?.(answer, ...asked);
      return answer;
    };
  }
  return {
    admit: watched("admit"),
    refuse: watched("refuse"),
    claim: watched("claim"),
    hop: watched("hop"),
    acquire: watched("acquire"),
    noteDisk: watched("noteDisk"),
    mayStop: watched("mayStop"),
    mayStart: watched("mayStart"),
    takeAttempt: watched("takeAttempt"),
    recordIntent: watched("recordIntent"),
    save: watched("save"),
    finish: watched("finish"),
    settle: watched("settle"),
    endInquiry: watched("endInquiry"),
    published: watched("published"),
    outcomeOf: watched("outcomeOf"),
  };
}
