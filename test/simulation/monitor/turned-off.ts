import { restOf } from "../../../src/core/decisions/off-too-long.ts";
import type { Submission } from "../../../src/core/server/observations.ts";
import type { State } from "../../../src/core/state/state.ts";
import type { World } from "../world.ts";

/** From the decision of a worker to its call, and from a call to its answer. */
const SLACK_MS = 30_000;

/** A server that a command has stopped, until it is stopped again. */
interface TurnedOff {
  readonly by: string;
  /** POSTs in a row that the cloud surely refused for now: when the first was answered, and the last. */
  refused: { readonly firstMs: number; lastMs: number } | null;
  /** Its start because of that has been counted. */
  isCounted: boolean;
}

/**
 * F6: a server that was stopped does not stay off for as long as the cloud refuses its reinstall for now; nor is it stopped again
 * before it has run for a while, longer each time.
 */
export class TurnedOffServers {
  readonly #world: World;
  readonly #servers = new Map<string, TurnedOff>();
  /** How often each command's server was started for it, and since when it runs. */
  readonly #rests = new Map<string, { times: number; onSinceMs: number | null }>();
  /** When the last stop of each command was left without an answer: it may still come true, and would undo a start. */
  readonly #unanswered = new Map<string, number>();
  /** Which steps that may stop a server were claimed. */
  readonly #prepared = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  stopped(serverId: string, by: string): void {
    this.#servers.set(serverId, { by, refused: null, isCounted: false });
  }

  started(serverId: string): void {
    const { by = "", isCounted = false } = this.#servers.get(serverId) ?? {};
    const rest = this.#rests.get(by);
    // Started for another reason (a submission that could not be saved), it rests for none.
    if (rest !== undefined && isCounted) rest.onSinceMs = this.#world.time.nowMs;
    this.#servers.delete(serverId);
  }

  /** A command asks for a stop: too soon? Null: no. */
  stopAsked(by: string): string | null {
    const { time, scenario } = this.#world;
    const rest = this.#rests.get(by);
    if (rest?.onSinceMs == null) return null;
    const ranMs = time.nowMs - rest.onSinceMs;
    rest.onSinceMs = null;
    const dueMs = restOf(rest.times, scenario.rules) - this.#slackMs;
    return ranMs >= dueMs || this.#world.loss.happened
      ? null
      : `${by} stops its server ${Math.round(ranMs)} ms after it was started for the ${rest.times}. time`;
  }

  stopUnanswered(by: string): void {
    this.#unanswered.set(by, this.#world.time.nowMs);
  }

  /** Such a step is claimed: if another delivery had it before, that one may have sent a stop of which nobody knows. */
  preparing(by: string, step: number, perhapsAgain: boolean): void {
    const name = `${by} ${step}`;
    if (perhapsAgain || this.#prepared.has(name)) this.stopUnanswered(by);
    this.#prepared.add(name);
  }

  /** A command asks for a start. */
  startAsked(serverId: string, by: string, state: State | undefined): void {
    const off = this.#servers.get(serverId);
    if (off?.by !== by) return;
    off.refused = null;
    const isForRest =
      state?.phase === "restore" && state.after.kind === "wait" && state.after.restMs !== undefined;
    if (!isForRest || off.isCounted) return;
    off.isCounted = true;
    this.#rests.set(by, { times: (this.#rests.get(by)?.times ?? 0) + 1, onSinceMs: null });
  }

  /** A command sends a POST: has its server been off for too long before the last one was refused? Null: no. */
  posted(serverId: string, by: string): string | null {
    const refused = this.#own(serverId, by)?.refused;
    if (refused == null || this.#world.loss.happened) return null;
    const unansweredMs = this.#unanswered.get(by) ?? Number.NEGATIVE_INFINITY;
    if (refused.lastMs - unansweredMs < this.#proofMs + this.#slackMs) return null;
    const offMs = refused.lastMs - refused.firstMs;
    return offMs <= this.#world.scenario.rules.stoppedWaitMs + this.#slackMs
      ? null
      : `${by} sends a POST again, and its server has been off since one was refused ${Math.round(offMs)} ms earlier`;
  }

  answered(serverId: string, by: string, answer: Submission): void {
    const off = this.#own(serverId, by);
    if (off === undefined) return;
    const { nowMs } = this.#world.time;
    const isForNow =
      answer.kind === "not-sent" ||
      (answer.kind === "later" && answer.waitsFor !== "server-unstable");
    // Where nobody knows what became of one, proof is waited for, and it begins anew.
    const isOneOfRow = off.refused !== null && nowMs - off.refused.lastMs < this.#proofMs;
    if (!isForNow) off.refused = null;
    else if (off.refused !== null && isOneOfRow) off.refused.lastMs = nowMs;
    else off.refused = { firstMs: nowMs, lastMs: nowMs };
  }

  #own(serverId: string, by: string): TurnedOff | undefined {
    const off = this.#servers.get(serverId);
    return off?.by === by && this.#world.keptOffBy(serverId) === by ? off : undefined;
  }

  get #proofMs(): number {
    return this.#world.scenario.rules.postFenceMs;
  }

  /** Two workers may have looked at the clock, each off the other way. */
  get #slackMs(): number {
    return 2 * this.#world.scenario.skewMs + SLACK_MS;
  }
}
