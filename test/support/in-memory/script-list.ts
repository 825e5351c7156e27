import type { ListEnd, ListRules, RoundAnswer } from "../../../src/core/calls/list-round.ts";

/** What is known of one project's lists. Instants are epoch ms by the store's clock; 0: never. */
export interface ListRound {
  /** Number of the window in which polls are counted, those in it, and those in the one before. */
  readonly window: number;
  readonly polls: number;
  readonly before: number;
  /** When the youngest list that is there was begun. */
  readonly atMs: number;
  /** How many pages that was. */
  readonly pages: number;
  /** When the list was begun that is being made; 0: none is. */
  readonly begunMs: number;
  readonly heldUntilMs: number;
  /** Lists in a row that failed. */
  readonly fails: number;
}

const NO_ROUND: ListRound = {
  window: 0,
  polls: 0,
  before: 0,
  atMs: 0,
  pages: 1,
  begunMs: 0,
  heldUntilMs: 0,
  fails: 0,
};

/** One poll asks. */
export function takeRound(
  known: ListRound = NO_ROUND,
  rules: ListRules,
  nowMs: number,
): { readonly round: ListRound; readonly answer: RoundAnswer } {
  const round = counting(known, Math.floor(nowMs / rules.windowMs));
  const alone = (why: "few" | "held", changed: Partial<ListRound> = {}) =>
    ({ round: { ...round, ...changed }, answer: { kind: "alone", why } }) as const;
  if (nowMs < round.heldUntilMs) return alone("held");
  const sharing = (Math.max(round.polls, round.before) * rules.freshMs) / rules.windowMs;
  if (sharing <= round.pages * rules.worth) return alone("few");
  const { atMs, begunMs } = round;
  if (isWithin(nowMs, atMs, rules.freshMs)) return { round, answer: { kind: "listed", atMs } };
  if (isWithin(nowMs, begunMs, rules.leaseMs)) return { round, answer: { kind: "awaited" } };
  if (begunMs > 0) return alone("held", failed(round, 0, rules, nowMs));
  return { round: { ...round, begunMs: nowMs }, answer: { kind: "listing", begunMs: nowMs } };
}

/** The list that was begun then has ended. One that comes too late changes nothing. */
export function endRound(
  round: ListRound,
  { begunMs, end }: { readonly begunMs: number; readonly end: ListEnd },
  rules: ListRules,
  nowMs: number,
): ListRound {
  if (round.begunMs !== begunMs) return round;
  switch (end.kind) {
    case "listed":
      return { ...round, begunMs: 0, atMs: begunMs, pages: end.pages, fails: 0 };
    case "failed":
      return { ...round, ...failed(round, end.atLeastMs, rules, nowMs) };
    case "unasked":
      return { ...round, begunMs: 0 };
  }
}

/** Clocks may be put back. */
function isWithin(nowMs: number, sinceMs: number, forMs: number): boolean {
  return nowMs >= sinceMs && nowMs - sinceMs <= forMs;
}

function failed(
  { fails }: ListRound,
  atLeastMs: number,
  { holdMs, longestHoldMs }: ListRules,
  nowMs: number,
): Pick<ListRound, "begunMs" | "fails" | "heldUntilMs"> {
  const forMs = Math.max(atLeastMs, Math.min(longestHoldMs, holdMs * 2 ** Math.min(fails, 20)));
  return { begunMs: 0, fails: fails + 1, heldUntilMs: nowMs + forMs };
}

function counting(known: ListRound, window: number): ListRound {
  if (window === known.window) return { ...known, polls: known.polls + 1 };
  return { ...known, window, polls: 1, before: window === known.window + 1 ? known.polls : 0 };
}
