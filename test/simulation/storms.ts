import type { Objection } from "./pauses.ts";
import type { World } from "./world.ts";

/** While a storm stands, one command at a time may go. */
export class Storms {
  readonly #world: World;
  /** Whose intent was recorded in the storm that began at `sinceMs`. */
  #probes: { readonly sinceMs: number; readonly ids: ReadonlySet<string> } = {
    sinceMs: -1,
    ids: new Set(),
  };

  constructor(world: World) {
    this.#world = world;
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
