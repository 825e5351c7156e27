/**
 * Who goes first when calls are short (docs/architecture.md): 1 the POST and the look right before it; 2 stop, start,
 * reconcile, and a look at what has ended; 3 polls of jobs; 4 first looks, and whatever nobody waits for.
 */
export type CallClass = 1 | 2 | 3 | 4;

/**
 * So far ahead a class may take calls that the rate has yet to give, ms: whoever waits within its step waits that long at
 * most. A class finds the calls gone that one with a longer reach has taken: so each gets what those before it leave.
 */
export const REACH_MS = { 1: 10_000, 2: 8_000, 3: 1_000, 4: 500 } as const satisfies Record<
  CallClass,
  number
>;

/**
 * A class that has got nothing while the rate gave so many calls reaches as far as the first, and the others leave one call to
 * it: its share. Who has not asked for four times as long wants none any more.
 */
export const SHARE_CALLS = 10;
export const FORGOTTEN_AFTER = 4;

const CLASSES: readonly CallClass[] = [1, 2, 3, 4];

/** How fast calls may be made now. */
export interface Pace {
  /** Calls a second, more than 0. */
  readonly perSecond: number;
  /** Calls that may go out at once after a quiet time, at least 1. */
  readonly depth: number;
  /** No call before this, epoch ms by the store's clock; 0: nothing holds them. */
  readonly heldUntilMs: number;
}

/** The calls of one project that may be made, as all replicas share them. Instants are epoch ms by the store's clock. */
export interface CallBucket {
  /** Calls in hand at `atMs`; below 0: so many are taken ahead. */
  readonly tokens: number;
  readonly atMs: number;
  /** Since when a class has got nothing. */
  readonly deniedMs: Readonly<Partial<Record<CallClass, number>>>;
  /** Calls that were taken in the second that begins at `second` (epoch s), and in the one before. */
  readonly used: { readonly second: number; readonly calls: number; readonly before: number };
}

/** What is asked of the bucket. */
export interface CallsAsked {
  readonly class: CallClass;
  /** 0: asks only for how long nothing may be sent. */
  readonly calls: number;
  /** So many others stand before in line, and need as many calls each: nothing is given before there is enough for them. */
  readonly ahead?: number;
}

/** `granted`: they are taken; the first may go after `delayMs`, each further one `spacingMs` after the one before. */
export type Taken =
  | { readonly kind: "granted"; readonly delayMs: number; readonly spacingMs: number }
  /** Nothing is taken: the calls would be there after `ms`. */
  | { readonly kind: "wait"; readonly ms: number };

/**
 * Takes calls together before the first of them is made: nothing is given back. A bucket that is too small to hold them all
 * gives them one after the other. Pure; `take_calls` of adapters/redis/scripts/shared/calls.lua is the same.
 */
export function takeCalls(
  bucket: CallBucket | null,
  { perSecond, depth, heldUntilMs }: Pace,
  ask: CallsAsked,
  nowMs: number,
): { readonly bucket: CallBucket; readonly taken: Taken } {
  const known = bucket ?? {
    tokens: depth,
    atMs: nowMs,
    deniedMs: {},
    used: { second: 0, calls: 0, before: 0 },
  };
  const perMs = perSecond / 1000;
  const fromMs = Math.max(nowMs, heldUntilMs, known.atMs);
  const tokens = Math.min(depth, known.tokens + (fromMs - known.atMs) * perMs);
  const inMs = (calls: number) => fromMs - nowMs + Math.max(0, calls - tokens) / perMs;
  // Who asks for none has taken some already, and waits for a hold alone.
  const delayMs = ask.calls === 0 ? fromMs - nowMs : inMs(ask.calls > depth ? 1 : ask.calls);
  const ageMs = (ofClass: CallClass) => nowMs - (known.deniedMs[ofClass] ?? nowMs);
  const isOwed = (ofClass: CallClass) =>
    ageMs(ofClass) >= SHARE_CALLS / perMs &&
    ageMs(ofClass) < (FORGOTTEN_AFTER * SHARE_CALLS) / perMs;
  // A bucket that is full has been so for as long as nobody asked, those to whom a call is left included.
  const owed = isOwed(ask.class) || tokens >= depth ? 0 : CLASSES.filter(isOwed).length;
  const afterOthersMs = delayMs + inMs(ask.calls * (1 + (ask.ahead ?? 0)) + owed) - inMs(ask.calls);
  if (ask.calls > 0 && afterOthersMs > REACH_MS[isOwed(ask.class) ? 1 : ask.class]) {
    const isFresh = ageMs(ask.class) < (FORGOTTEN_AFTER * SHARE_CALLS) / perMs;
    const sinceMs = isFresh ? (known.deniedMs[ask.class] ?? nowMs) : nowMs;
    const deniedMs = { ...known.deniedMs, [ask.class]: sinceMs };
    return {
      bucket: { ...known, deniedMs },
      taken: { kind: "wait", ms: Math.ceil(afterOthersMs) },
    };
  }
  const { [ask.class]: _served, ...others } = known.deniedMs;
  return {
    bucket: {
      tokens: tokens - ask.calls,
      atMs: fromMs,
      deniedMs: ask.calls > 0 ? others : known.deniedMs,
      used: usedWith(known.used, ask.calls, Math.floor(nowMs / 1000)),
    },
    taken: {
      kind: "granted",
      delayMs: Math.ceil(delayMs),
      spacingMs: ask.calls > depth ? Math.ceil(1 / perMs) : 0,
    },
  };
}

function usedWith(used: CallBucket["used"], calls: number, second: number): CallBucket["used"] {
  if (second === used.second) return { ...used, calls: used.calls + calls };
  return { second, calls, before: second === used.second + 1 ? used.calls : 0 };
}
