import { COMMON_MEMBERS, type FinalEventName, type ProgressEvent } from "../../contract/event.ts";
import type { CommandId } from "../../contract/ids.ts";
import { delayForAge } from "../waiting/backoff.ts";
import { type Decision, final, next } from "../decision.ts";
import { type CancelRequest, cancelled, tooLate } from "../endings.ts";
import { failed } from "../messages/events.ts";
import type { Moment } from "../moment.ts";
import type { Order } from "../state/order.ts";
import type { In } from "../state/state.ts";

/** What is known of the command that was joined. */
export type Leader =
  /** `holdsLock`: after `unresolved` the server stays locked until proof or a person frees it. */
  | {
      readonly kind: "finished";
      readonly event: ProgressEvent;
      readonly holdsLock: boolean;
      /** `data` of its `settled` event, once it is known what became of an `unresolved` one. */
      readonly settled: Readonly<Record<string, unknown>> | null;
    }
  /** Without the lock it waits: its reinstall has not begun. */
  | { readonly kind: "open"; readonly holdsLock: boolean }
  | { readonly kind: "unheard-of" }
  | { readonly kind: "unreadable" };

/** A look at the leader, and how this command itself stands at that moment. */
export interface LeaderLook {
  readonly leader: Leader;
  /** Is the store's memory young? The leader's own message may still put its record back. */
  readonly rebuilding: boolean;
  readonly cancelRequest: CancelRequest | null;
  /** This command may have gone on by itself in a memory that the store has lost. */
  readonly mayHaveRun: boolean;
}

/**
 * The result of the leader's reinstall is repeated for the one that joined it; where the leader ended in a way that is
 * its own, this one goes on by itself (contract §3 `joined`).
 */
export function afterLeaderLook(
  order: Order,
  current: In<"joined">,
  look: LeaderLook,
  { nowMs, random, rules }: Moment,
): Decision {
  const { leader } = look;
  const mayHaveRun = look.mayHaveRun || current.doubt === true;
  if (look.cancelRequest !== null && !mayHaveRun) return cancelled(look.cancelRequest);
  const stay = { ...current, ...(mayHaveRun ? { doubt: true } : {}) };
  const again = () => next(stay, delayForAge(nowMs - current.sinceMs, rules.ladderMs, random));
  switch (leader.kind) {
    case "open": {
      const waits = !leader.holdsLock && !look.rebuilding;
      if (waits && nowMs >= order.expiresAtMs) return tooLate({ order, waiting: null, mayHaveRun });
      return again();
    }
    case "unreadable":
      return again();
    case "unheard-of":
      return look.rebuilding ? again() : forgotten(order, current.leader);
    case "finished":
      break;
  }
  const { event } = leader;
  switch (event.data.event) {
    case "succeeded":
    case "failed":
      return repeated(event, event.data.event, current.leader);
    case "unresolved":
      if (leader.settled?.["as"] === "reinstalled")
        return reinstalled(leader.settled, current.leader);
      if (leader.settled !== null || !leader.holdsLock) return onItsOwn(order, stay, event, nowMs);
      // Nobody knows yet: it shares that, as long as its own time lasts.
      return nowMs < order.expiresAtMs ? again() : tooLate({ order, waiting: null, mayHaveRun });
    // Also an end that only a later version knows: not this reinstall's.
    default:
      return onItsOwn(order, stay, event, nowMs);
  }
}

/** Admitted again, as if it arrived now. */
function onItsOwn(
  order: Order,
  current: In<"joined">,
  { data }: ProgressEvent,
  nowMs: number,
): Decision {
  const { body, leader, doubt: mayHaveRun = false } = current;
  if (nowMs >= order.expiresAtMs) return tooLate({ order, waiting: null, mayHaveRun });
  if (body === undefined) {
    return final(
      failed({
        class: "internal",
        cloudCode: null,
        message: `command ${leader}, which this one had joined, ended ${data.event}; this one was joined by an older version of the worker, which keeps no body to go on with`,
        retryable: true,
        nextStep: "Nothing was sent to the cloud. Send a new command if the server still needs it.",
      }),
    );
  }
  return next(
    {
      phase: "waiting",
      body,
      tries: { attempt: 1, spent: 0 },
      waitsFor: "server-busy",
      holder: leader,
      ...(mayHaveRun ? { doubt: true } : {}),
      sinceMs: nowMs,
    },
    0,
  );
}

/** The leader's reinstall was carried out after all: it did this command's work, too. */
function reinstalled(settled: Readonly<Record<string, unknown>>, leader: CommandId): Decision {
  const { job_id = null, evidence, verified } = settled;
  return final({
    event: "succeeded",
    data: { job_id, duration_seconds: null, verified: verified === true, evidence, leader },
  });
}

function repeated(event: ProgressEvent, name: FinalEventName, leader: CommandId): Decision {
  const data = Object.fromEntries(
    Object.entries(event.data).filter(([key]) => !COMMON_MEMBERS.has(key)),
  );
  return final({ event: name, data: { ...data, leader } });
}

function forgotten(order: Order, leader: CommandId): Decision {
  return final(
    {
      event: "unresolved",
      data: {
        leader,
        seen: "the store has forgotten the command that was joined, and its outcome with it",
        why: "store-forgot",
        next_step: `Look for the final event of ${leader}, or at the server ${order.serverId}.`,
      },
    },
    { lock: "free", undo: false },
  );
}
