import { liftOf } from "../../contract/brakes.ts";
import { rungAtMost } from "../waiting/backoff.ts";
import type { Candidate } from "../candidate.ts";
import { type Decision, final } from "../decision.ts";
import { rejected } from "../messages/events.ts";
import type { Moment } from "../moment.ts";
import type { Order } from "../state/order.ts";
import type { Before } from "../state/state.ts";
import { waitFor } from "../waiting/waiting.ts";
import { capData, delayInLine } from "./cap-hold.ts";
import { describeHold, type Hold, instant, sinceOf } from "./hold.ts";

/**
 * The one place where a brake's answer becomes what happens to the command: nothing of it has been sent. A command that
 * waits asks again after a rung of the ladder, whatever the brake says of its end.
 */
export function heldBy(
  candidate: Candidate,
  hold: Hold,
  moment: Moment,
  before?: Before,
): Decision {
  // One that may have been carried out is not called rejected: it waits until that is proven, or its time is over.
  const { order } = candidate;
  if (hold.verdict === "no" && candidate.mayHaveRun !== true) return endedBy(hold, order);
  return waitFor(candidate, hold.brake, moment, {
    detail: `${describeHold(hold, order.projectId)}${inVain(hold, order)}`,
    before,
    data: { brake: brakeData(hold, order.projectId) },
    ...plannedFor(hold, moment),
  });
}

/** Who reads the event should not wait for what comes too late. */
function inVain(hold: Hold, { expiresAtMs }: Order): string {
  const untilMs = "untilMs" in hold ? hold.untilMs : undefined;
  if (untilMs === undefined || untilMs < expiresAtMs) return "";
  return `; it expires before that, at ${instant(expiresAtMs)}`;
}

/** Where it is known when it may go, it asks soon after; else ever more rarely. */
function plannedFor(
  hold: Hold,
  { nowMs, rules, random }: Moment,
): { readonly plannedMs?: number; readonly ahead?: number } {
  if ("ahead" in hold) {
    return { plannedMs: delayInLine(hold, rules.ladderMs, random), ahead: hold.ahead };
  }
  if (hold.brake !== "windows" || hold.untilMs === undefined) return {};
  return { plannedMs: rungAtMost(hold.untilMs - nowMs, rules.ladderMs) };
}

function endedBy(hold: Extract<Hold, { verdict: "no" }>, { projectId, serverId }: Order): Decision {
  const message = describeHold(hold, projectId);
  const brake = brakeData(hold, projectId);
  switch (hold.brake) {
    case "protected": {
      const { event, data } = rejected([{ path: "server_id", code: "protected", message }]);
      return final({ event, data: { ...data, brake } });
    }
    case "quarantine":
      return final({
        event: "quarantined",
        data: {
          reinstalls: earlier(hold),
          limit: hold.limit,
          window_seconds: hold.windowMs / 1000,
          brake: { name: "quarantine", limit: hold.limit, detail: message },
          next_step: `Find out why this server is reinstalled again and again. Then: ecs-reinstall release ${serverId} --project ${projectId} --reason ….`,
        },
      });
  }
}

/** The same in fields, as events carry it. */
function brakeData(hold: Hold, project: string): Readonly<Record<string, unknown>> {
  const name = hold.brake;
  switch (hold.brake) {
    case "pause":
    case "protected": {
      const { scope, by, reason } = hold;
      return present({ name, scope, by, since: sinceOf(hold), reason });
    }
    case "storm-failures": {
      const { reason, untilMs, probe } = hold;
      const until = untilMs === undefined ? undefined : instant(untilMs);
      const lift = liftOf(name, project);
      return present({ name, since: sinceOf(hold), until, reason, command_id: probe, lift });
    }
    case "cooldown":
      return { name, until: instant(hold.untilMs), command_id: hold.command };
    case "quarantine":
      return { name, limit: hold.limit };
    case "approval":
      return { name, scope: hold.scope };
    case "source":
    case "sender":
      return { name, until: instant(hold.untilMs), limit: hold.limit };
    case "windows": {
      const until = hold.untilMs === undefined ? undefined : instant(hold.untilMs);
      return present({ name, until, reason: hold.reason });
    }
    case "cap":
    case "group-cap":
      return { name, ...capData(hold, project) };
    case "not-before":
      return { name, until: instant(hold.untilMs) };
  }
}

type Quarantine = Extract<Hold, { brake: "quarantine" }>;

function earlier({ reinstalls }: Quarantine): readonly Readonly<Record<string, unknown>>[] {
  return reinstalls.map(({ command, atMs, source, reason, outcome }) =>
    present({ command_id: command, at: instant(atMs), source, reason, outcome }),
  );
}

/** Without what is not known. */
function present(data: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined));
}
