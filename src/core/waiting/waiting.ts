import { CommandId } from "../../contract/ids.ts";
import { delayAfterNothing, delayAmong, delayForAge, rungAtLeast } from "./backoff.ts";
import { type Candidate, knownPower } from "../candidate.ts";
import { type Decision, next } from "../decision.ts";
import { tooLate } from "../endings.ts";
import type { EventDraft } from "../messages/events.ts";
import type { LockOwner } from "../state/lock-owner.ts";
import type { Moment } from "../moment.ts";
import type { Unavailable } from "../server/observations.ts";
import { powerMember } from "../server/power.ts";
import type { Before, In } from "../state/state.ts";

/**
 * Stays in line. The event is published when what it waits for changes, or when the next try gets further away by a class
 * (a minute, ten minutes), not at every look; the delay grows with the wait. What the server looked like goes along: after a loss of memory it may prove something.
 */
export function waitFor(
  candidate: Candidate,
  waitsFor: In<"waiting">["waitsFor"],
  { nowMs, rules, random }: Moment,
  more: {
    readonly holder?: LockOwner;
    readonly detail?: string;
    readonly before?: Before | undefined;
    /** Until it asks again; absent: by how long it has waited for this. */
    readonly plannedMs?: number;
    /** So many are to go before it; absent: it may be any of all who wait. */
    readonly ahead?: number;
    /** What the cloud asked for, kept in full. */
    readonly atLeastMs?: number | null;
    /** Said in the event beside the rest. */
    readonly data?: Readonly<Record<string, unknown>>;
    /** Whoever follows the command knows it all: no event. */
    readonly isKnown?: boolean;
    /** Nothing was sent, and that may end at any moment. */
    readonly heldBack?: boolean | undefined;
  } = {},
): Decision {
  const { body, tries, waiting, order, mayHaveRun = false, waitingCommands = 0 } = candidate;
  // The store gives locks again before long, and then the server can be asked for proof.
  const proofIsNear = mayHaveRun && waitsFor === "store-rebuilding";
  if (nowMs >= order.expiresAtMs && !proofIsNear) return tooLate(candidate, more.data?.["brake"]);
  const heldBy = waiting?.holder ?? waiting?.lockOwner;
  const same = waiting?.waitsFor === waitsFor && heldBy === more.holder;
  const sinceMs = same ? waiting.sinceMs : nowMs;
  const before = more.before ?? waiting?.before;
  // A waiter looks at least once a rung below the longest: the one who waits is the one who is late.
  const aloneMs = Math.min(
    more.plannedMs ?? delayForAge(nowMs - sinceMs, rules.ladderMs, random),
    rules.ladderMs.at(-2) ?? 0,
  );
  // Among thousands it is not, and their tries would take the workers' time.
  const amongMs = delayAmong(more.ahead ?? waitingCommands, rules.ladderMs);
  const plannedMs = Math.max(aloneMs, amongMs);
  const askedMs = more.atLeastMs ?? 0;
  const event: EventDraft = {
    event: "waiting",
    data: {
      waits_for: waitsFor,
      ...(more.holder === undefined ? {} : { holder: more.holder }),
      ...(more.detail === undefined ? {} : { detail: more.detail }),
      ...more.data,
      expires_at: new Date(order.expiresAtMs).toISOString(),
    },
  };
  // Past the longest rung the due time holds the message back.
  const delayMs = delayAfterNothing(
    plannedMs,
    {
      retryAfterMs: askedMs > 0 ? Math.max(askedMs, rungAtLeast(askedMs, rules.ladderMs)) : null,
      heldBack: more.heldBack,
    },
    rules.ladderMs,
  );
  const known = same ? (waiting.waitClass ?? 0) : 0;
  const waitClass = Math.max(known, classOf(delayMs));
  const isKnown = more.isKnown ?? (same && waitClass === known);
  return next(
    {
      phase: "waiting",
      body,
      tries,
      waitsFor,
      ...holderMember(more.holder),
      ...(before === undefined ? {} : { before }),
      ...powerMember(knownPower(candidate)),
      ...(waitClass > 0 && { waitClass }),
      ...(mayHaveRun ? { doubt: true } : {}),
      sinceMs,
    },
    delayMs,
    isKnown ? [] : [event],
  );
}

/** Of a wait, as far as whoever follows the command wants to know. */
function classOf(delayMs: number): number {
  if (delayMs < 60_000) return 0;
  return delayMs < 600_000 ? 1 : 2;
}

/** Of a call that gave nothing: what its wait depends on. */
export function askedFor({ retryAfterMs: atLeastMs, heldBack }: Unavailable) {
  return { atLeastMs, heldBack };
}

/** A worker that only knows commands as holders would not understand a message that names another service there. */
function holderMember(holder: LockOwner | undefined): Pick<In<"waiting">, "holder" | "lockOwner"> {
  if (holder === undefined) return {};
  const command = CommandId.safeParse(holder);
  return command.success ? { holder: command.data } : { lockOwner: holder };
}
