import type { ProgressEvent } from "../../../src/contract/event.ts";
import type { Execution } from "../../support/in-memory/cloud.ts";
import type { Ask } from "./answering.ts";
import type { LockRecord } from "../../support/in-memory/memory.ts";

/** What the monitor may look at. */
export interface Observed {
  readonly nowMs: number;
  readonly ledger: readonly Execution[];
  /** Reinstalls of one server within the window, at most; 0: as many as are asked for. */
  readonly serverLimit: number;
  /** A disk that was replaced shows when. */
  readonly knowsAges: boolean;
  readonly serverWindowMs: number;
  /** For how long a reinstalled server is asked; null: it is not. */
  readonly readyTimeoutMs: number | null;
  /** Clocks of workers are off by up to this. */
  readonly skewMs: number;
  readonly locks: ReadonlyMap<string, LockRecord>;
  /** Commands that have a slot. */
  readonly slots: ReadonlyMap<string, number>;
  /** Commands that stand in any line. */
  readonly waiting: ReadonlySet<string>;
  /** Has the sweeper taken this command up? It comes by again if it dies over it. */
  isSwept(id: string): boolean;
  /** Unsettled messages about a command. */
  messagesAbout(id: string): number;
  diskChanges(serverId: string): number;
  /** How its server was asked for a command. */
  asksOf(id: string): readonly Ask[];
  /** The command whose stop keeps the server off: nothing else was done to it since, and it is not being started. */
  keptOffBy(serverId: string): string | null;
}

/** Whose outcome a command repeats, as far as its own final event says. */
export type LeaderOf = (id: string) => string | undefined;

/** Classes of `failed` that do not say that nothing was done. */
const MAY_HAVE_RUN: ReadonlySet<unknown> = new Set(["job-failed", "server-broken", "not-found"]);

/**
 * A reinstall that failed before it touched the disk, and is over, was none: once somebody started the server again,
 * nothing tells it from one that never was.
 */
export function leavesTrace({ outcome, course }: Execution): boolean {
  return outcome !== "failed" || course.end === "fail-no-disk";
}

/** P5: is this final event true, as far as the ledger knows? Null: yes. */
export function checkOutcome(
  { data }: ProgressEvent,
  observed: Observed,
  leaderOf: LeaderOf,
): string | null {
  const id = data.command_id;
  const ids = chain(id, data["leader"], leaderOf);
  const mine = observed.ledger.filter((one) => one.commandId === id && leavesTrace(one));
  const runs = observed.ledger.filter((one) => ids.includes(one.commandId ?? ""));
  switch (data.event) {
    case "unresolved":
      return null;
    case "succeeded": {
      const worked = runs.some((one) => one.course.end === "success");
      const replaced = observed.diskChanges(String(data.server_id)) > 0;
      if (data["evidence"] === "job") return worked ? null : "and no job of its own succeeded";
      return worked || replaced ? null : "and its disk was never replaced";
    }
    case "failed":
      return mine.length === 0 || MAY_HAVE_RUN.has(data["class"]) ? null : "although it was run";
    default:
      return mine.length === 0 ? null : "although it was run";
  }
}

/** After these nobody knows whether the disk is whole: the server is left alone. */
const LEFT_ALONE: ReadonlySet<unknown> = new Set(["job-failed", "server-broken"]);

/** F6, of an inquiry: is the server on again of which it is said that it was not reinstalled? Null: yes. */
export function checkSettledPower({ data }: ProgressEvent, observed: Observed): string | null {
  if (data["as"] !== "not-reinstalled") return null;
  if (observed.keptOffBy(String(data.server_id)) !== data.command_id) return null;
  const power = data["power"] as { readonly next_step?: string } | undefined;
  return power?.next_step === undefined ? "and the server that was stopped for it is off" : null;
}

/** F6: is the server that this command stopped on again, or does the event say that it is not? Null: yes. */
export function checkPower({ data }: ProgressEvent, observed: Observed): string | null {
  if (data.event === "unresolved" || LEFT_ALONE.has(data["class"])) return null;
  if (observed.keptOffBy(String(data.server_id)) !== data.command_id) return null;
  const power = data["power"] as
    | { readonly after?: string; readonly next_step?: string }
    | undefined;
  if (power === undefined) return "and the server that it stopped is off, without a word of it";
  return power.after !== "on" && power.next_step !== undefined
    ? null
    : "and the server is off, whatever it says of it";
}

/**
 * P5: is it true what a success says of the server itself? Ready: it answered who asked for this command. Not ready: it was
 * asked in vain when its time was over, or it is off. Null: yes.
 */
export function checkReady({ data }: ProgressEvent, observed: Observed): string | null {
  const { readyTimeoutMs, skewMs } = observed;
  if (data.event !== "succeeded" || data["leader"] !== undefined) return null;
  if (data["ready"] === undefined) return null;
  if (readyTimeoutMs === null) return "and nobody was to ask the server";
  const asks = observed.asksOf(data.command_id);
  const strayed = asks.find((one) => one.serverId !== data.server_id);
  if (strayed !== undefined) return `and ${strayed.serverId} was asked`;
  if (data["ready"] === true) {
    return asks.some(({ answered }) => answered) ? null : "and the server never answered";
  }
  if (data["ready_detail"] === "the server is off") return null;
  const ran = observed.ledger.find((one) => one.commandId === data.command_id);
  const last = asks.at(-1);
  if (last === undefined || last.answered) return "and the server was not asked in vain";
  // Somebody else has reinstalled it: the cloud does not know when this command learned that, and began to ask.
  if (ran === undefined) return null;
  // Two workers may have looked at the clock, each off the other way.
  const askedMs = last.atMs - ran.startMs;
  return askedMs >= readyTimeoutMs - 2 * skewMs
    ? null
    : `and it was asked for ${askedMs} of ${readyTimeoutMs} ms only`;
}

/** P5: is it true what a `settled` event says about an unresolved command? Null: yes, as far as the ledger knows. */
export function checkSettled({ data }: ProgressEvent, observed: Observed): string | null {
  const runs = observed.ledger.filter(
    (one) => one.commandId === data.command_id && leavesTrace(one),
  );
  switch (data["as"]) {
    case "reinstalled": {
      const replaced = observed.diskChanges(String(data.server_id)) > 0;
      return replaced || runs.length > 0
        ? null
        : "and neither a job of its own nor a new disk is known";
    }
    case "not-reinstalled":
      return runs.length === 0 ? null : "although it was run";
    default:
      return null;
  }
}

/** A leader that the store forgot may have become a joiner itself. */
function chain(id: string, leader: unknown, leaderOf: LeaderOf): string[] {
  const ids = [id];
  let next = leader;
  while (typeof next === "string" && !ids.includes(next)) {
    ids.push(next);
    next = leaderOf(next);
  }
  return ids;
}
