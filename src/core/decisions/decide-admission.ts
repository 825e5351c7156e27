import { CommandId } from "../../contract/ids.ts";
import type { OsReinstall } from "../../contract/os-reinstall.ts";
import { delayForAge } from "../waiting/backoff.ts";
import { heldByMark } from "../brakes/cloud-mark.ts";
import { type Candidate, knownPower } from "../candidate.ts";
import { type Decision, final, next } from "../decision.ts";
import { diskMismatch, expired, tooLate } from "../endings.ts";
import { failed, rejected } from "../messages/events.ts";
import type { LockOwner } from "../state/lock-owner.ts";
import type { Moment } from "../moment.ts";
import type { Look, ServerView } from "../server/observations.ts";
import { powerSeen } from "../server/power.ts";
import { fitnessOf, userDataObjection } from "../server/server-fitness.ts";
import { beforeOf, towardsStopped, towardsSubmit } from "../towards.ts";
import { askedFor, waitFor } from "../waiting/waiting.ts";

/** Another command holds the server: share its result, queue up, or give up (contract §2 `on_busy`). */
export function afterBusy(
  candidate: Candidate,
  busy: { readonly holder: LockOwner; readonly sameWish: boolean },
  moment: Moment,
): Decision {
  const { nowMs, rules, random } = moment;
  const { order, mayHaveRun = false } = candidate;
  if (nowMs >= order.expiresAtMs) return tooLate(candidate);
  if (order.onBusy === "reject" && !mayHaveRun) {
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
  if (order.onBusy === "join" && busy.sameWish && leader.success && !mayHaveRun) {
    return next(
      { phase: "joined", body: candidate.body, leader: leader.data, sinceMs: nowMs },
      delayForAge(0, rules.ladderMs, random),
      [{ event: "joined", data: { leader: busy.holder } }],
    );
  }
  return waitFor(candidate, "server-busy", moment, { holder: busy.holder });
}

/** The lock is ours: what does a look at the server allow? Its mark in the cloud is asked first. */
export function afterAdmissionLook(candidate: Candidate, look: Look, moment: Moment): Decision {
  const { nowMs } = moment;
  const marked =
    look.kind === "seen" && nowMs < candidate.order.expiresAtMs
      ? heldByMark(candidate, look.server, moment)
      : null;
  return marked ?? byState(candidate, look, moment);
}

/** The same by the server's state alone, whatever its mark says. */
export function byState(candidate: Candidate, look: Look, moment: Moment): Decision {
  const { nowMs, rules } = moment;
  const { order, body } = candidate;
  if (nowMs >= order.expiresAtMs) return expired(order, candidate.waiting);
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
      const taken = { ...candidate, power: powerSeen(knownPower(candidate), server) };
      const pinned = diskMismatch(order.expectedSystemDisk, server);
      if (pinned !== null) return final(pinned);
      const fitness = fitnessOf(server, body, rules);
      switch (fitness.kind) {
        case "unfit":
          return final(fitness.draft);
        case "unstable":
          return waitFor(taken, "server-unstable", moment, {
            detail: fitness.detail,
            before: beforeOf(server, nowMs),
          });
        case "ready":
          return warned(towardsSubmit(taken, server, moment), server, body);
        case "running":
          return warned(towardsStopped(taken, server, moment), server, body);
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
