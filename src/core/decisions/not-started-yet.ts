import type { EventDraft } from "../messages/events.ts";
import type { Decision } from "../decision.ts";
import type { Moment } from "../moment.ts";
import type { JobLook, Look, StartOutcome, Unavailable } from "../server/observations.ts";
import type { Order } from "../state/order.ts";
import { leftAs, powerOf, powerSaid, unansweredStopMs, type WhyOff } from "../server/power.ts";
import type { In } from "../state/state.ts";
import { latestStartMs } from "./decide-restore.ts";
import { lastsUntilHelped, refusedStart, whyUnseen } from "./why-off.ts";

/** What a turn of `restore` that did not start the server met. */
export interface RestoreTurn {
  readonly look: Look;
  /** The job of the last stop; null: not asked. */
  readonly stopJob: JobLook | null;
  /** Absent: no start was asked for. */
  readonly start?: StartOutcome;
}

/** What keeps the worker from starting a server. */
interface Hindrance extends WhyOff {
  readonly waitsFor: Unavailable["waitsFor"] | "server-unstable";
  /** Distinguishes one from another. */
  readonly key: string;
}

/**
 * A server that we stopped stays off, or may: whoever follows the command, and who looks at it, reads why from now on. `waiting` is
 * published once for each reason: at once where a person has to put something right, else when it has gone on for the longest rung.
 */
export function notStartedYet(
  order: Order,
  current: In<"restore">,
  { turn, decision }: { readonly turn: RestoreTurn; readonly decision: Decision },
  moment: Moment,
): Decision {
  if (decision.kind !== "next" || decision.state.phase !== "restore") return decision;
  // Nobody was asked.
  if (turn.look.kind === "unreadable" && turn.look.unasked === true) return decision;
  const { waited: _before, ...state } = decision.state;
  const hindrance = hindranceOf(turn) ?? lostStop(current, turn, moment);
  if (hindrance === null) return { ...decision, state };
  const { waitsFor, key, remedy } = hindrance;
  const { nowMs, rules } = moment;
  const sinceMs = current.waited?.sinceMs ?? nowMs;
  const { published = [] } = current;
  const waited = { waitsFor, sinceMs };
  const isLasting = remedy !== undefined || nowMs - sinceMs >= (rules.ladderMs.at(-1) ?? 0);
  if (!isLasting || published.includes(key)) return { ...decision, state: { ...state, waited } };
  return {
    ...decision,
    state: { ...state, waited, published: [...published, key] },
    events: [...decision.events, waiting(order, current, { turn, hindrance }, moment)],
  };
}

function hindranceOf({ look, stopJob, start }: RestoreTurn): Hindrance | null {
  const unseen = whyUnseen(look);
  if (look.kind === "refused" && unseen !== undefined)
    return { ...unseen, waitsFor: "cloud-unavailable", key: look.refusal.cloudCode };
  if (look.kind === "unreadable" && unseen !== undefined)
    return { ...unseen, waitsFor: look.waitsFor, key: look.cloudCode ?? look.waitsFor };
  if (start?.kind === "refused") {
    const { refusal } = start;
    const why = refusedStart(refusal);
    const refused = { ...why, said: `its start is refused: ${why.said}` };
    // Another right than that to look at it, perhaps under the same code.
    if (lastsUntilHelped(refusal))
      return { ...refused, waitsFor: "cloud-unavailable", key: `start:${refusal.cloudCode}` };
    const waitsFor = refusal.class === "throttled" ? "throttled" : "server-unstable";
    return { ...refused, waitsFor, key: refusal.cloudCode };
  }
  if (start?.kind === "unreadable") {
    const { waitsFor, cloudCode, message } = start;
    return { said: `its start is not answered: ${message}`, waitsFor, key: cloudCode ?? waitsFor };
  }
  if (stopJob?.kind === "unreadable" && start === undefined && stopJob.unasked !== true) {
    const { waitsFor, cloudCode, message } = stopJob;
    const said = `whether its stop has ended cannot be seen: ${message}`;
    return { said, waitsFor, key: cloudCode ?? waitsFor };
  }
  return null;
}

/** A stop of which nobody has an answer may still come true: the server is started when that is over. */
function lostStop(
  { power: { stop } }: In<"restore">,
  { look }: RestoreTurn,
  { nowMs, rules }: Moment,
): Hindrance | null {
  const askedAtMs = unansweredStopMs(stop);
  if (askedAtMs === null || look.kind !== "seen" || powerOf(look.server) !== "off") return null;
  const deadAtMs = askedAtMs + rules.postFenceMs;
  if (nowMs >= deadAtMs) return null;
  return {
    waitsFor: "server-unstable",
    key: "stop-unanswered",
    said: `nobody answered its stop, which may still come true until ${new Date(deadAtMs).toISOString()}`,
  };
}

function waiting(
  { expiresAtMs }: Order,
  current: In<"restore">,
  { turn: { look }, hindrance }: { readonly turn: RestoreTurn; readonly hindrance: Hindrance },
  { rules }: Moment,
): EventDraft {
  const { power, after } = current;
  const { waitsFor, said, remedy } = hindrance;
  const left = (look.kind === "seen" ? powerOf(look.server) : null) ?? "unknown";
  const until = new Date(latestStartMs(current, rules)).toISOString();
  const why =
    after.kind === "succeed"
      ? "the server is to run after its reinstall, and is not started yet"
      : "the server was stopped for it, and is not started again yet";
  return {
    event: "waiting",
    data: {
      waits_for: waitsFor,
      detail: `${why}: ${said}`,
      until,
      ...(remedy === undefined
        ? { power: powerSaid(power, left) }
        : {
            next_step: `${remedy} Until ${until} the worker then starts the server by itself; if it must run sooner, start it by hand.`,
            power: leftAs(power, left, hindrance),
          }),
      expires_at: new Date(expiresAtMs).toISOString(),
    },
  };
}
