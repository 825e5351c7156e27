import { cancelLine } from "../command-line.ts";
import { rungAtLeast } from "../waiting/backoff.ts";
import type { Moment } from "../moment.ts";
import type { Refusal } from "../server/observations.ts";
import type { Order } from "../state/order.ts";
import type { Tries } from "../state/state.ts";

type Refused = NonNullable<Tries["refused"]>;

const MINUTE_MS = 60_000;
/** So many minutes a server rests that the cloud has refused so often in a row, for the same reason. */
const GROWING_MINUTES = [1, 2, 5, 10, 30] as const;
/** A refusal that goes on for so long needs a person. */
const ADVICE_AFTER_MS = 3_600_000;

/** What one more refusal of a server comes to. */
export interface RefusedAgain {
  readonly refused: Refused;
  /** Until the next try, at least, ms. */
  readonly restMs: number;
  /** Nothing that is new to whoever follows the command: the same refusal, and the next try as far away as the last. */
  readonly isKnown: boolean;
  /** What a person should do, once it has gone on for an hour. */
  readonly nextStep?: string;
}

/**
 * The cloud refuses to reinstall this server now, for a reason of the server's own. The first time it rests as long as the
 * cloud asks, a minute where that says nothing (as far as the ladder goes); then ever longer, 2, 5, 10, 30 minutes.
 */
export function refusedAgain(
  before: Refused | undefined,
  {
    order,
    refusal,
    askedMs,
  }: { readonly order: Order; readonly refusal: Refusal; readonly askedMs: number | null },
  { nowMs, rules }: Pick<Moment, "nowMs" | "rules">,
): RefusedAgain {
  const same = before?.code === refusal.cloudCode ? before : undefined;
  const times = (same?.times ?? 0) + 1;
  const sinceMs = same?.sinceMs ?? nowMs;
  const growth = GROWING_MINUTES[Math.min(times, GROWING_MINUTES.length) - 1] ?? 1;
  const grownMs = growth * rungAtLeast(MINUTE_MS, rules.ladderMs);
  const isAdvised = same?.advised === true;
  const advises = !isAdvised && nowMs - sinceMs >= ADVICE_AFTER_MS;
  return {
    refused: {
      code: refusal.cloudCode,
      times,
      sinceMs,
      ...((isAdvised || advises) && { advised: true }),
    },
    restMs: times === 1 ? (askedMs ?? grownMs) : Math.max(askedMs ?? 0, grownMs),
    isKnown: times > GROWING_MINUTES.length && !advises,
    ...(advises && { nextStep: adviceOf(refusal, order) }),
  };
}

function adviceOf({ cloudCode, nextStep }: Refusal, order: Order): string {
  const own = nextStep === "" ? "" : `${nextStep} `;
  return `The cloud has refused this for an hour (${cloudCode}). ${own}Look at the server in the console, or cancel the command: ${cancelLine(order)}.`;
}
