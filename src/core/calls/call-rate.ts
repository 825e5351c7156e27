import type { Pace } from "./call-bucket.ts";

/** What the configuration allows, for all replicas together. */
export interface CallLimits {
  /** Calls a second, at most, of one project. */
  readonly perSecond: number;
  /** Calls that may go out at once after a quiet time. */
  readonly burst: number;
  /** What is learned never falls below this, calls a second; default one in ten seconds: slower nothing could be finished. */
  readonly least?: number;
}

/** What was learned of the cloud's quota for one project. Instants are epoch ms by the store's clock; 0: never. */
export interface LearnedRate {
  /** Grows with each change: who changes it says which one it saw. */
  readonly version: number;
  /** Calls a second; 0: nothing was learned, or what was learned is over. */
  readonly perSecond: number;
  /** Calls that may go out at once. */
  readonly depth: number;
  /** The rate when it was last lowered: rising goes by it. */
  readonly ceiling: number;
  readonly changedMs: number;
  readonly loweredMs: number;
  /** The cloud said its limit in figures: it is believed until then. */
  readonly statedUntilMs: number;
  readonly heldUntilMs: number;
  /** How long the last hold was, ms: without a word of the cloud it doubles until a call passes. */
  readonly holdMs: number;
  /** When the youngest call that passed was begun. */
  readonly passedMs: number;
}

export const NOTHING_LEARNED: LearnedRate = {
  version: 0,
  perSecond: 0,
  depth: 0,
  ceiling: 0,
  changedMs: 0,
  loweredMs: 0,
  statedUntilMs: 0,
  heldUntilMs: 0,
  holdMs: 0,
  passedMs: 0,
};

/** One call that the cloud turned away for want of quota. */
export interface Throttling {
  /** When the call was begun. */
  readonly begunMs: number;
  /** The limit in figures, where the answer says it (ECS API notes §5.4): so many calls in so many ms. */
  readonly stated: { readonly calls: number; readonly perMs: number } | null;
  /** How long the cloud asks us to stay away, kept in full; null: it did not say. */
  readonly retryAfterMs: number | null;
  /** Calls that were taken in the busier of the last two seconds. */
  readonly used: number;
}

/** Slower than this the two calls of a POST would lie more than 10 s apart. */
const LEAST_PER_SECOND = 0.1;
/** A limit in figures is believed for so long, and then tried again. */
const STATED_MS = 600_000;
/** The way to the cloud brings calls closer together by so much now and then: a window holds those of a longer time. */
const STATED_JITTER_MS = 100;
const STATED_MARGIN = 0.98;
const SHARED_FACTOR = 0.9;
const FIRST_HOLD_MS = 1_000;
const LONGEST_HOLD_MS = 60_000;
/** The rate rises this long after its last change, and each time as much again. */
const QUIET_MS = 10_000;
/** From half of it to the ceiling in so many steps: a minute. */
const STEPS_TO_DOUBLE = 12;
/** Who finds no call tries again within the time that so many seconds' calls take. */
const SPREAD_SECONDS = 10;
/** So many seconds' calls the work in progress may need at once, where nothing is known of its jobs. */
export const LEAST_WORK_SECONDS = 10;
/** Longer jobs than this would need are not waited for with more: should they all be asked for, calls would be short. */
const MOST_WORK_SECONDS = 40;
/** Of a command, besides its job: from its slot to its POST, and from the job's end to its own. */
const AROUND_JOB_SECONDS = 15;
/** Of a command, at the least: two looks, the POST, and one query of its job. */
const CALLS_FOR_ONE = 4;

/** How fast calls may be made: what was learned, and never more than is configured. */
export function paceOf(learned: LearnedRate, limits: CallLimits): Pace {
  const { perSecond, depth, heldUntilMs } = learned;
  if (perSecond === 0) return { perSecond: limits.perSecond, depth: limits.burst, heldUntilMs };
  return {
    perSecond: Math.min(perSecond, limits.perSecond),
    depth: Math.max(1, Math.min(depth, limits.burst)),
    heldUntilMs,
  };
}

/**
 * No more work in progress than the rate can carry: each can make a call every `workSeconds`. At least 1. The store has the
 * same (`slots_at` of scripts/shared/calls.lua).
 *
 * @internal
 */
export function slotsAt(
  { perSecond }: Pick<Pace, "perSecond">,
  workSeconds = LEAST_WORK_SECONDS,
): number {
  return callsWithin(workSeconds, perSecond);
}

/**
 * How long a command in work can do with one call, by how long its job takes, ms; null: not known. With less in progress calls
 * that are allowed would not be made: 500 slots, jobs of a minute and 50 calls in a second left 17 of them unused.
 */
export function workSecondsFor(jobMs: number | null): number {
  if (jobMs === null) return LEAST_WORK_SECONDS;
  const needed = Math.ceil((jobMs / 1000 + AROUND_JOB_SECONDS) / CALLS_FOR_ONE);
  return Math.min(MOST_WORK_SECONDS, Math.max(LEAST_WORK_SECONDS, needed));
}

/** Over how many ms those are spread who found no call: they do not all come back at one time. */
export function spreadMsAt({ perSecond }: Pick<Pace, "perSecond">): number {
  return Math.ceil((callsWithin(SPREAD_SECONDS, perSecond) / perSecond) * 1000);
}

const callsWithin = (seconds: number, perSecond: number) =>
  Math.max(1, Math.floor(perSecond * seconds));

/**
 * After a refusal: the rate that the cloud stated, or half of what was used; once for all calls that were under way. Where no
 * call has passed since it was lowered last, the quota's window is not over yet: only the hold grows, for that says nothing
 * of the rate. Null: nothing changes.
 */
export function lowered(
  learned: LearnedRate,
  { begunMs, stated, retryAfterMs, used }: Throttling,
  limits: CallLimits,
  nowMs: number,
): LearnedRate | null {
  const { version, heldUntilMs } = learned;
  const { least = LEAST_PER_SECOND } = limits;
  const heldFor = (ms: number) => Math.max(heldUntilMs, nowMs + ms);
  if (begunMs <= learned.loweredMs) {
    // Under way at the last decrease. A wait that is asked for is kept all the same.
    if (retryAfterMs === null || heldFor(retryAfterMs) === heldUntilMs) return null;
    return { ...learned, version: version + 1, heldUntilMs: heldFor(retryAfterMs) };
  }
  const hasPassed = learned.loweredMs === 0 || learned.passedMs > learned.loweredMs;
  const growing = hasPassed ? FIRST_HOLD_MS : Math.min(LONGEST_HOLD_MS, 2 * learned.holdMs);
  const holdMs = retryAfterMs ?? Math.max(FIRST_HOLD_MS, growing);
  const hold = { version: version + 1, loweredMs: nowMs, heldUntilMs: heldFor(holdMs), holdMs };
  const present = paceOf(learned, limits).perSecond;
  const byFigures = stated === null ? null : rateOfFigures(stated);
  if (byFigures !== null) {
    const isNews = byFigures.perSecond < present;
    if (!isNews && !hasPassed) return { ...learned, ...hold };
    // Figures that were kept: somebody else uses the same quota.
    const perSecond = isNews ? byFigures.perSecond : present * SHARED_FACTOR;
    return {
      ...learned,
      ...hold,
      perSecond: Math.max(least, perSecond),
      depth: Math.max(byFigures.depth, least > byFigures.perSecond ? depthAt(least) : 1),
      ceiling: Math.max(least, byFigures.perSecond),
      changedMs: nowMs,
      statedUntilMs: nowMs + STATED_MS,
    };
  }
  if (!hasPassed) return { ...learned, ...hold };
  const ceiling = learned.perSecond === 0 ? Math.min(present, Math.max(1, used)) : present;
  const perSecond = Math.max(least, ceiling / 2);
  const depth = depthAt(perSecond);
  return { ...learned, ...hold, perSecond, depth, ceiling, changedMs: nowMs };
}

/** After a quiet while in which calls passed: a step up, to the limit in figures first; null: not yet. Where the configured rate is reached nothing is left of it. */
export function raised(
  learned: LearnedRate,
  limits: CallLimits,
  nowMs: number,
): LearnedRate | null {
  const { perSecond, ceiling, changedMs, statedUntilMs, heldUntilMs, passedMs } = learned;
  if (perSecond === 0 || nowMs < heldUntilMs) return null;
  const isBelieved = nowMs < statedUntilMs;
  if (isBelieved && perSecond >= ceiling) return null;
  if (nowMs - changedMs < QUIET_MS || passedMs <= Math.max(changedMs, learned.loweredMs))
    return null;
  const step = Math.max(ceiling, LEAST_PER_SECOND) / STEPS_TO_DOUBLE;
  const next = isBelieved ? Math.min(ceiling, perSecond + step) : perSecond + step;
  const version = learned.version + 1;
  if (next >= limits.perSecond) return { ...NOTHING_LEARNED, version, passedMs };
  const depth = isBelieved ? learned.depth : depthAt(next);
  return { ...learned, version, perSecond: next, depth, changedMs: nowMs };
}

/**
 * A window of the cloud begins with its first call, wherever that falls: `depth` at once and then the rate must fit into one.
 * So 40 in 10 s are 2 at once and 3.8 a second; 1 in 5 s is one each 5.2 s.
 */
function rateOfFigures({ calls, perMs: windowMs }: NonNullable<Throttling["stated"]>) {
  // A window of minutes is not spread over them: a quarter of it may go at once.
  const depth = calls < 4 ? 1 : Math.max(2, Math.floor(calls / (windowMs >= 60_000 ? 4 : 50)));
  const perMs = (STATED_MARGIN * (calls + 1 - depth)) / (windowMs + STATED_JITTER_MS);
  return { perSecond: 1000 * perMs, depth };
}

/** The look and the POST go together, but where a second is too short for both. */
function depthAt(perSecond: number): number {
  return perSecond < 1 ? 1 : Math.max(2, Math.floor(perSecond / 5));
}
