import type { CallLimits } from "./call-rate.ts";

/** So long calls in hand may be made: what was learned of the cloud meanwhile is not known to them. */
const KEPT_MS = 500;
/** In hand at most: what the configured rate gives in this time, and never more than `MOST`. */
const OF_RATE_MS = 100;
const MOST = 16;
/** In hand at most: this part of what was made in the busier of the last two seconds, so that they are soon used. */
const OF_USE = 0.25;

/**
 * Calls of one project that a worker has taken from the bucket beyond those that it asked for, so that the next need no
 * question. Instants by the monotonic clock. Below ten calls a second there are none: each is asked for then.
 */
export interface Handful {
  /** Makes so many of them; false: there are not so many, and none is made. */
  draw(calls: number, nowMs: number): boolean;
  /** What to ask for beyond `calls` that are asked for now; so many are `waiting` for it. Each time {@link add} must follow. */
  beyond(calls: number, waiting: number, nowMs: number): number;
  /** What that question brought: so many of `asked`. */
  add(given: number, asked: number, nowMs: number): void;
  /** The cloud turns calls away: each is asked for again. */
  drop(): void;
  /** How many were made from the hand since this was asked last. */
  drawn(): number;
}

export function createHandful({ perSecond }: Pick<CallLimits, "perSecond">): Handful {
  const most = Math.min(MOST, Math.floor((perSecond * OF_RATE_MS) / 1000));
  let left = 0;
  let untilMs = 0;
  let asked = 0;
  let drawn = 0;
  let second = 0;
  let [made, madeBefore] = [0, 0];

  function count(calls: number, nowMs: number) {
    const now = Math.floor(nowMs / 1000);
    if (now !== second) [made, madeBefore] = [0, now === second + 1 ? made : 0];
    second = now;
    made += calls;
  }

  return {
    draw(calls, nowMs) {
      if (nowMs >= untilMs) left = 0;
      if (calls === 0 || calls > left) return false;
      left -= calls;
      drawn += calls;
      count(calls, nowMs);
      return true;
    },
    beyond(calls, waiting, nowMs) {
      count(calls, nowMs);
      if (nowMs >= untilMs) left = 0;
      const useful = Math.floor(OF_USE * Math.max(made, madeBefore));
      const more = Math.max(0, Math.min(most, useful) + (most > 0 ? waiting : 0) - left - asked);
      asked += more;
      return more;
    },
    add(given, ofAsked, nowMs) {
      asked -= ofAsked;
      if (given === 0) return;
      left = (nowMs < untilMs ? left : 0) + given;
      untilMs = nowMs + KEPT_MS;
    },
    drop() {
      left = 0;
    },
    drawn() {
      const sinceThen = drawn;
      drawn = 0;
      return sinceThen;
    },
  };
}
