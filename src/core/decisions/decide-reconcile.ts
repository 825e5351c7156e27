import { delayAfterNothing, delayForAge } from "../waiting/backoff.ts";
import { clearingIntent, type Decision, final, next } from "../decision.ts";
import { unresolved } from "../endings.ts";
import { failed } from "../messages/events.ts";
import type { Moment } from "../moment.ts";
import type { Look, ServerView, Trust } from "../server/observations.ts";
import type { Order } from "../state/order.ts";
import { powerSeen } from "../server/power.ts";
import { quietMs, type Rules } from "../rules.ts";
import { describe, fitnessOf, isIdle } from "../server/server-fitness.ts";
import type { In } from "../state/state.ts";
import { towardsStopped, towardsSubmit } from "../towards.ts";
import { succeed } from "./success.ts";

/** What is known when the server has been looked at. */
export interface ReconcileLook {
  readonly look: Look;
  /** Does a disk that was not replaced prove anything? */
  readonly trust: Trust;
  /** The server's lock: ours still, another's, or nobody's. */
  readonly lock: "held" | "lost" | "none";
}

/** Proof, not hope (design §5): what a look at the server proves about a request that nobody answered. */
export function afterReconcileLook(
  order: Order,
  current: In<"reconcile">,
  { look, trust, lock }: ReconcileLook,
  moment: Moment,
): Decision {
  const { nowMs, rules, random } = moment;
  const plannedMs = delayForAge(nowMs - current.sinceMs, rules.ladderMs, random);
  const delayMs =
    look.kind === "unreadable" ? delayAfterNothing(plannedMs, look, rules.ladderMs) : plannedMs;
  const lookAgain = () => next(current, delayMs);
  const undecided = (seen: string) =>
    nowMs < current.deadlineMs ? lookAgain() : unresolved(order, current, seen, trust);

  switch (look.kind) {
    case "absent":
      return final(failed(look.refusal), { undo: false });
    case "refused":
      return undecided(`the cloud refuses to show the server: ${look.refusal.message}`);
    case "unreadable":
      // Before "nobody knows" the server is really looked at: not having made the call is no reason.
      if (look.unasked) return lookAgain();
      return undecided(`the server cannot be read: ${look.message}`);
    case "seen":
      break;
  }
  const { server } = look;
  // The cloud's clock judges the signature, so the cloud's clock judges the fence; the later verdict of the two counts.
  const fenceClockMs = Math.min(nowMs, server.cloudTimeMs ?? nowMs);
  const dead = isDead(current, fenceClockMs);

  if (!isIdle(server)) return undecided(describe(server));
  if (server.systemDiskId === null || (server.status === "ERROR" && !wasInError(current, server))) {
    return dead ? final(brokenServer(server), { undo: false }) : undecided(describe(server));
  }
  if (current.before === undefined) {
    return undecided(`${describe(server)}; the disk before is not known`);
  }
  if (server.systemDiskId !== current.before.systemDiskId) {
    // With the lock in our hand it was our request (design §5). Without it another command may have replaced the
    // disk, while ours is still on its way: no outcome before that is dead.
    const ours = lock === "held" && current.why !== "store-forgot";
    if (!ours && mayStillArrive(current, dead)) {
      return undecided(`${describe(server)} with another system disk`);
    }
    return succeed(
      {
        jobId: current.accepted?.jobId,
        // Nobody said when: the duration of the job is not known.
        durationSeconds: null,
        verified: true,
        evidence: "system-disk-replaced",
        volumeType: current.before.volumeType,
        disk: "unseen",
      },
      { power: current.power, server },
      moment,
    );
  }
  if (current.accepted || !dead || trust !== "trusted" || !quiet(current, fenceClockMs, rules)) {
    return undecided(`${describe(server)} with the same system disk`);
  }
  const mayTryAgain = lock === "held" && nowMs < order.expiresAtMs;
  return notCarriedOut(current, server, mayTryAgain, moment);
}

/** Proven: the request was not carried out and never can be. Again, within the budget; else say so. */
function notCarriedOut(
  current: In<"reconcile">,
  server: ServerView,
  mayTryAgain: boolean,
  moment: Moment,
): Decision {
  const { rules } = moment;
  const { body } = current;
  const power = powerSeen(current.power, server);
  const tries = { attempt: current.tries.attempt + 1, spent: current.tries.spent };
  const spentUp = tries.spent >= rules.maxSubmissions;
  if (body === undefined || spentUp || !mayTryAgain) {
    return final(
      failed({
        class: "not-executed",
        cloudCode: null,
        message: "it is proven that the reinstall was not carried out",
        retryable: true,
        nextStep: "Send a new command if the server still needs it.",
      }),
      { intent: "clear" },
    );
  }
  const fitness = fitnessOf(server, body, rules);
  switch (fitness.kind) {
    case "unfit":
      return final(fitness.draft, { intent: "clear" });
    case "unstable":
      return next(current, rules.ladderMs[0] ?? 0);
    case "ready":
      return clearingIntent(towardsSubmit({ body, tries, power }, server, moment));
    case "running":
      return clearingIntent(towardsStopped({ body, tries, power }, server, moment));
  }
}

/**
 * In `ERROR` before, and with the same disk: the state says nothing about our request. One that the cloud had accepted
 * may have failed in it.
 */
function wasInError(current: In<"reconcile">, server: ServerView): boolean {
  const { before, accepted } = current;
  return (
    accepted === undefined &&
    before?.status === "ERROR" &&
    before.systemDiskId === server.systemDiskId
  );
}

/** Nothing of that request can arrive any more. Token authentication never says so: null. */
function isDead(current: In<"reconcile">, clockMs: number): boolean {
  return current.fenceAtMs !== null && clockMs >= current.fenceAtMs;
}

/** Only what never dies is not waited for: there the disk is all that can ever be known. */
function mayStillArrive(current: In<"reconcile">, dead: boolean): boolean {
  return !dead && current.fenceAtMs !== null && current.accepted === undefined;
}

function quiet(current: In<"reconcile">, clockMs: number, rules: Rules): boolean {
  return current.fenceAtMs !== null && clockMs >= current.fenceAtMs + quietMs(rules);
}

function brokenServer(server: ServerView) {
  return failed({
    class: "server-broken",
    cloudCode: null,
    message:
      server.systemDiskId === null
        ? "the server is left without a system disk"
        : `the server is in ERROR${server.faultMessage === null ? "" : `: ${server.faultMessage}`}`,
    retryable: false,
    nextStep: "Look at the server in the console: it needs a person.",
  });
}
