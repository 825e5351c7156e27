import type { RememberedSwitch } from "../../../src/core/brakes/remembered-switch.ts";
import type { Incarnation } from "../incarnation.ts";
import type { Objection } from "./pauses.ts";
import type { World } from "../world.ts";

/** What one worker knew of the storm when the store lost its memory. */
interface Known {
  readonly by: Incarnation;
  readonly entry: RememberedSwitch;
  readonly lostMs: number;
  /** Who had a slot. */
  readonly slots: ReadonlyMap<string, number>;
}

/** While a storm stands, one command at a time may go. */
export class Storms {
  readonly #world: World;
  /** Whose intent was recorded in the storm that began at `sinceMs`. */
  #probes: { readonly sinceMs: number; readonly ids: ReadonlySet<string> } = {
    sinceMs: -1,
    ids: new Set(),
  };

  #known: readonly Known[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** The store has lost its memory, in whole or in part: what do the workers know that it does not? */
  lost(slots: ReadonlyMap<string, number>): void {
    const { incarnations, project, time } = this.#world;
    const left = project.storm.changedMs ?? -1;
    this.#known = incarnations.flatMap((by): Known[] => {
      const entry = by.knownStorm();
      if (entry?.storm === undefined || entry.storm.changedMs <= left) return [];
      return [{ by, entry, lostMs: time.nowMs, slots }];
    });
  }

  /**
   * F3: the gate records an intent. Once a worker has put back the storm that it knew, it goes on as before: closed for as
   * long, or open for as many. Null: it does.
   */
  forgottenObjectionTo(id: string): Objection | null {
    const { project, scenario } = this.#world;
    const now = project.pauses.get("storm-failures");
    for (const { by, entry, lostMs, slots } of this.#known) {
      const { atMs, on, storm } = entry;
      if (by.keptSinceMs <= lostMs || now?.atMs !== atMs || storm === undefined) continue;
      if (on) {
        const lasts = storm.cooldownMs ?? scenario.brakes.stormCooldownMs;
        const over = Math.max(atMs, storm.closedAtMs ?? 0) + lasts;
        const earlyMs = over - this.#world.memory.nowMs();
        if (earlyMs <= 0 || storm.probe === id) continue;
        return { promise: "F3", text: `${earlyMs} ms before the cooldown of a storm is over` };
      }
      if (storm.level === undefined || slots.has(id)) continue;
      const most = storm.level * 2 ** this.#successesSince(lostMs);
      const beside = this.#world.inWork.beside(id).length;
      if (beside < most) continue;
      return { promise: "F3", text: `beside ${beside} others, although a storm leaves ${most}` };
    }
    return null;
  }

  /** Each may have opened the project further. */
  #successesSince(lostMs: number): number {
    const { ended, records } = this.#world.project;
    const since = [...ended].filter(([, atMs]) => atMs >= lostMs);
    return since.filter(([id]) => records.get(id)?.outcome === "succeeded").length;
  }

  /** F1: the gate records an intent. Did the command get its slot in a storm of asks, beside another one? Null: it did not. */
  besideObjectionTo(id: string): Objection | null {
    const { project, inWork, loss } = this.#world;
    const entry = project.pauses.get("storm-asks");
    // When a slot was given is not known any more once the store has forgotten it.
    if (entry?.on !== true || loss.happened) return null;
    if ((project.slots.get(id) ?? 0) <= entry.atMs) return null;
    const [other] = inWork.beside(id);
    if (other === undefined) return null;
    return { promise: "F1", text: `beside ${other}, although a storm of asks leaves one slot` };
  }

  /** F3: the gate records an intent. Is another one on its way in the same storm? Null: none is. */
  objectionTo(id: string): Objection | null {
    const { project } = this.#world;
    const entry = project.pauses.get("storm-failures");
    if (entry?.on !== true) return null;
    const known = this.#probes.sinceMs === entry.atMs ? this.#probes.ids : new Set<string>();
    // One that waits again, has cleared its intent or has ended is no probe any more.
    const open = [...known].filter((one) => {
      const record = project.records.get(one);
      return record?.intent !== undefined && record.outcome === undefined;
    });
    this.#probes = { sinceMs: entry.atMs, ids: new Set([...open, id]) };
    const other = open.find((one) => one !== id);
    if (other === undefined) return null;
    return { promise: "F3", text: `although ${other} is the probe of a storm` };
  }
}
