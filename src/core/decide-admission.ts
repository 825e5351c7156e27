import { CommandId, type DiskId } from "../contract/ids.ts";
import type { OsReinstall } from "../contract/os-reinstall.ts";
import { delayAfterNothing, delayForAge, rungAtLeast } from "./backoff.ts";
import { type Decision, final, next } from "./decision.ts";
import { type EventDraft, failed, rejected } from "./events.ts";
import type { LockOwner } from "./lock-owner.ts";
import type { Moment } from "./moment.ts";
import type { Look, ServerView, Unavailable } from "./observations.ts";
import type { Order } from "./order.ts";
import { fenceOf } from "./rules.ts";
import { describe, fitnessOf, userDataObjection } from "./server-fitness.ts";
import type { Before, In, Tries } from "./state.ts";

/** A command that stands before the server's door: just arrived, or waiting. */
export interface Candidate {
  readonly order: Order;
  readonly body: OsReinstall;
  readonly tries: Tries;
  /** Null for a command that has just arrived. */
  readonly waiting: In<"waiting"> | null;
  /** It may have been carried out, in a memory that the store has lost: nothing else may be said of it without proof. */
  readonly doubt?: boolean;
}

/** Another command holds the server: share its result, queue up, or give up (contract §2 `on_busy`). */
export function afterBusy(
  candidate: Candidate,
  busy: { readonly holder: LockOwner; readonly sameWish: boolean },
  moment: Moment,
): Decision {
  const { nowMs, rules, random } = moment;
  const { order, doubt = false } = candidate;
  if (nowMs >= order.expiresAtMs) return tooLate(candidate);
  if (order.onBusy === "reject" && !doubt) {
    return final(
      rejected([
        {
          path: "server_id",
          code: "server-busy",
          message: `the server is busy: ${busy.holder} holds it`,
        },
      ]),
    );
  }
  const leader = CommandId.safeParse(busy.holder);
  if (order.onBusy === "join" && busy.sameWish && leader.success && !doubt) {
    return next(
      { phase: "joined", body: candidate.body, leader: leader.data, sinceMs: nowMs },
      delayForAge(0, rules.ladderMs, random),
      [{ event: "joined", data: { leader: busy.holder } }],
    );
  }
  return waitFor(candidate, "server-busy", moment, { holder: busy.holder });
}

/** The lock is ours: what does a look at the server allow? */
export function afterAdmissionLook(candidate: Candidate, look: Look, moment: Moment): Decision {
  const { nowMs, rules } = moment;
  const { order, body } = candidate;
  if (nowMs >= order.expiresAtMs) return expired(order);
  switch (look.kind) {
    case "absent":
    case "refused":
      return final(failed(look.refusal));
    case "unreadable":
      return waitFor(candidate, look.waitsFor, moment, {
        detail: look.message,
        ...askedFor(look),
      });
    case "seen": {
      const { server } = look;
      const pinned = diskMismatch(order.expectedSystemDisk, server);
      if (pinned !== null) return final(pinned);
      const fitness = fitnessOf(server, body, rules);
      switch (fitness.kind) {
        case "unfit":
          return final(fitness.draft);
        case "unstable":
          return waitFor(candidate, "server-unstable", moment, {
            detail: fitness.detail,
            before: beforeOf(server, nowMs),
          });
        case "ready":
          return warned(towardsSubmit(candidate, server, moment), server, body);
        case "running":
          return warned(towardsStopped(candidate, server, moment), server, body);
      }
    }
  }
}

function warned(decision: Decision, server: ServerView, body: OsReinstall): Decision {
  const objection = userDataObjection(server, body);
  return objection === null || decision.kind === "final"
    ? decision
    : { ...decision, warnings: [objection] };
}

/**
 * Stays in line. The event is told when what it waits for changes, not at every look; the delay grows
 * with the wait. What the server looked like goes along: after a loss of memory it may prove something.
 */
export function waitFor(
  candidate: Candidate,
  waitsFor: In<"waiting">["waitsFor"],
  { nowMs, rules, random }: Moment,
  more: {
    readonly holder?: LockOwner;
    readonly detail?: string;
    readonly before?: Before | undefined;
    /** What the cloud asked for, kept in full. */
    readonly atLeastMs?: number | null;
    /** Said in the event beside the rest. */
    readonly data?: Readonly<Record<string, unknown>>;
    /** Nothing was sent, and that may end at any moment. */
    readonly heldBack?: boolean | undefined;
  } = {},
): Decision {
  const { body, tries, waiting, order, doubt = false } = candidate;
  // The store gives locks again before long, and then the server can be asked for proof.
  const proofIsNear = doubt && waitsFor === "store-rebuilding";
  if (nowMs >= order.expiresAtMs && !proofIsNear) return tooLate(candidate);
  const heldBy = waiting?.holder ?? waiting?.lockOwner;
  const same = waiting?.waitsFor === waitsFor && heldBy === more.holder;
  const sinceMs = same ? waiting.sinceMs : nowMs;
  const before = more.before ?? waiting?.before;
  // A waiter looks at least once a rung below the longest: the one who waits is the one who is late.
  const plannedMs = Math.min(
    delayForAge(nowMs - sinceMs, rules.ladderMs, random),
    rules.ladderMs.at(-2) ?? 0,
  );
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
  return next(
    {
      phase: "waiting",
      body,
      tries,
      waitsFor,
      ...holderMember(more.holder),
      ...(before === undefined ? {} : { before }),
      ...(doubt ? { doubt } : {}),
      sinceMs,
    },
    // Past the longest rung the due time holds the message back.
    delayAfterNothing(
      plannedMs,
      {
        retryAfterMs: askedMs > 0 ? Math.max(askedMs, rungAtLeast(askedMs, rules.ladderMs)) : null,
        heldBack: more.heldBack,
      },
      rules.ladderMs,
    ),
    same ? [] : [event],
  );
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

/**
 * The lock is ours, but the store has forgotten whether this command was carried out before: nothing is sent
 * until a look at the server proves that it was not (design §6).
 */
export function inDoubt(
  candidate: Omit<Candidate, "body"> & { readonly body?: OsReinstall | undefined },
  moment: Moment,
): Decision {
  const { nowMs, rules } = moment;
  const { order, body, tries, waiting } = candidate;
  const seenByEmitter =
    order.expectedSystemDisk === undefined
      ? undefined
      : { systemDiskId: order.expectedSystemDisk, status: "unknown", atMs: order.receivedAtMs };
  const before = waiting?.before ?? seenByEmitter;
  return next(
    {
      phase: "reconcile",
      ...(body === undefined ? {} : { body }),
      tries,
      ...(before === undefined ? {} : { before }),
      fenceAtMs: fenceOf(undefined, moment),
      deadlineMs: nowMs + rules.jobDeadlineMs,
      sinceMs: nowMs,
      why: "store-forgot",
    },
    rules.ladderMs[0] ?? 0,
  );
}

/** What goes along towards the POST. */
type Traveller = Pick<Candidate, "body" | "tries">;

/** On to the dangerous line, at once. */
export function towardsSubmit(
  { body, tries }: Traveller,
  server: ServerView,
  { nowMs }: Moment,
): Decision {
  const before = beforeOf(server, nowMs);
  if (before === undefined) throw new Error("a server without a system disk cannot be submitted");
  return next({ phase: "submit", body, tries, before }, 0);
}

/** It runs: we stop it first, or leave the stopping to the cloud (`STOP_BY`). */
export function towardsStopped(traveller: Traveller, server: ServerView, moment: Moment): Decision {
  return moment.rules.stopBy === "cloud"
    ? towardsSubmit(traveller, server, moment)
    : towardsPrepare(traveller, server, moment);
}

/**
 * Stop it first. The event follows when the stop is really asked for.
 *
 * @internal
 */
export function towardsPrepare(
  { body, tries }: Traveller,
  server: ServerView,
  { nowMs }: Moment,
): Decision {
  const before = beforeOf(server, nowMs);
  if (before === undefined) throw new Error("a server without a system disk cannot be prepared");
  return next({ phase: "prepare", body, tries, before, sinceMs: nowMs }, 0);
}

/**
 * What the server was before anything was done to it; undefined without a system disk.
 *
 * @internal
 */
export function beforeOf(server: ServerView, nowMs: number): Before | undefined {
  if (server.systemDiskId === null) return undefined;
  return {
    systemDiskId: server.systemDiskId,
    ...(server.volumeType === null ? {} : { volumeType: server.volumeType }),
    status: describe(server),
    atMs: nowMs,
  };
}

/** The emitter saw another disk: somebody already reinstalled it (contract §2 `expected_system_disk`). */
export function diskMismatch(expected: DiskId | undefined, server: ServerView) {
  if (expected === undefined || server.systemDiskId === null) return null;
  if (server.systemDiskId.toLowerCase() === expected.toLowerCase()) return null;
  return superseded("system-disk-changed", {
    expected_system_disk: expected,
    system_disk: server.systemDiskId,
  });
}

/** `superseded`: nothing was done, because it is no longer needed. */
export function superseded(why: string, data: Readonly<Record<string, unknown>>) {
  return { event: "superseded" as const, data: { why, ...data } };
}

/** `expired`: nothing was done, because it is too late. */
export function expired(order: Order): Decision {
  return final({
    event: "expired",
    data: {
      expires_at: new Date(order.expiresAtMs).toISOString(),
      ...(order.expiresBy === undefined ? {} : { because: order.expiresBy }),
    },
  });
}

/** The time is over before the doubt could be cleared: it is not known that nothing was done. */
export function tooLate({
  order,
  waiting,
  doubt = false,
}: Pick<Candidate, "order" | "waiting" | "doubt">): Decision {
  if (!doubt) return expired(order);
  return final(
    {
      event: "unresolved",
      data: {
        seen: "the command's time was over before the server could be looked at for proof",
        why: "store-forgot",
        system_disk_before: waiting?.before?.systemDiskId ?? order.expectedSystemDisk ?? null,
        next_step: "Look at the server: compare its system disk with system_disk_before.",
      },
    },
    { lock: "keep" },
  );
}

/** `cancelled`: nothing was done, because a person said so. */
export function cancelled(): Decision {
  return final({ event: "cancelled", data: { why: "cancelled by an operator" } });
}
