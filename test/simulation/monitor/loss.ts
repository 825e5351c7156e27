import { INQUIRY_SUFFIX } from "../../../src/core/state/envelope.ts";
import type { CommandRecord } from "../../support/in-memory/memory.ts";
import { REFUSED } from "../../support/in-memory/scripts.ts";
import { lineageOf } from "./lineage.ts";
import { REBUILD_HOLD_MS } from "../rules.ts";
import type { World } from "../world.ts";

/**
 * What a loss of the store's memory makes impossible to promise (design §6): a finished command that is
 * forgotten is new to whoever brings it again, and a lock whose message does not come back within the hold is lost: then
 * its command is new, too.
 */
export class Loss {
  happened = false;
  readonly #world: World;
  #lastMs = 0;
  /** When a message was taken, with the lock's token, whose delivery is settled: by command. */
  readonly #takenMs = new Map<string, number>();
  /** When the store could not be asked about a command. */
  readonly #unaskedMs = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  /** A message that names the lock of its command was taken at that time, and its delivery is settled now. */
  handled(id: string, takenMs: number): void {
    this.#takenMs.set(id, takenMs);
  }

  /** The store gave no answer about that command. */
  unasked(id: string): void {
    this.#unaskedMs.set(id, this.#world.time.nowMs);
  }

  /** Runs the loss, and works out what nobody can know any more. */
  suffer(lose: () => void): void {
    const world = this.#world;
    const before = world.project.records;
    const { locks, slots } = world.project;
    lose();
    world.storms.lost(slots);
    this.happened = true;
    this.#lastMs = world.time.nowMs;
    const after = world.project.records;
    for (const [id, record] of before) {
      // An inquiry has no outcome of its own to lose: its message puts it back.
      if (!id.endsWith(INQUIRY_SUFFIX)) this.#compare(id, record, after.get(id));
    }
    for (const [serverId, { owner }] of locks) {
      if (world.project.locks.get(serverId)?.owner !== owner) this.#mayComeBack(serverId, owner);
    }
    for (const id of slots.keys()) if (!world.project.slots.has(id)) this.#slotMayComeBack(id);
  }

  #compare(id: string, was: CommandRecord, left: CommandRecord | undefined): void {
    // Of refusals only their numbers are lost.
    if (was.claim === REFUSED) return;
    // Of a command that came after a refusal under its id, only the refusal is left.
    const is = left?.claim === REFUSED ? undefined : left;
    const track = this.#world.monitor.track(id);
    if (was.step !== is?.step) track.rewound = true;
    const anew = this.#isPublishedAnew(id);
    if (is === undefined && anew) track.renumbered = true;
    if (was.final === undefined || is?.final !== undefined) return;
    track.forgotten = true;
    if (anew) track.reborn = true;
  }

  /** Is there, or will there be, a publish of this command that the store has never admitted? */
  #isPublishedAnew(id: string): boolean {
    const { broker, monitor, toEmit } = this.#world;
    const { admitted } = monitor.track(id);
    const unadmitted = broker.contents().some((content) => {
      const lineage = lineageOf(content);
      return content.about === id && lineage !== undefined && !admitted.has(lineage);
    });
    return unadmitted || [...toEmit].some((emission) => emission.id === id);
  }

  /** Was a message of that command in somebody's hand since the loss, with a store that answered? */
  #couldPutBack(id: string): boolean {
    const takenMs = this.#takenMs.get(id) ?? 0;
    return takenMs > this.#lastMs && (this.#unaskedMs.get(id) ?? 0) < this.#lastMs;
  }

  /** Not counted any more only if nobody could put the slot back before others could start. */
  #slotMayComeBack(id: string): void {
    const world = this.#world;
    world.time.after(REBUILD_HOLD_MS, () => {
      if (world.project.slots.has(id) || this.#couldPutBack(id)) return;
      world.trace(`---      ${id} did not put back its slot within the hold`);
      world.inWork.excuse(id);
    });
  }

  /** Relaxed only if nobody could put the lock back before it could be given to others. */
  #mayComeBack(serverId: string, owner: string): void {
    const world = this.#world;
    world.time.after(REBUILD_HOLD_MS, () => {
      if (world.project.locks.get(serverId)?.owner === owner) return;
      if (world.project.records.get(owner)?.final !== undefined) return;
      if (world.broker.contents().every((content) => content.about !== owner)) return;
      if (this.#couldPutBack(owner)) return;
      world.trace(`---      ${owner} did not put back the lock of ${serverId} within the hold`);
      world.monitor.relaxedServers.add(serverId);
      const track = world.monitor.track(owner);
      if (track.renumbered) track.reborn = true;
    });
  }
}
