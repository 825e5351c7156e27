import type { Order } from "../../src/core/order.ts";
import type { Objection } from "./pauses.ts";
import type { World } from "./world.ts";

const HOUR_MS = 3_600_000;

/** When the commands of each source got the slot that they were carried out with. */
export class Starts {
  readonly #world: World;
  readonly #startedMs = new Map<string, Map<string, number>>();

  constructor(world: World) {
    this.#world = world;
  }

  /** The gate records an intent. Have more commands of the source started within an hour than may? Null: no. */
  objectionTo({ commandId, source = "" }: Pick<Order, "commandId" | "source">): Objection | null {
    const { project, loss, scenario } = this.#world;
    const limit = scenario.brakes.perSourcePerHour;
    const atMs = project.slots.get(commandId);
    // When a slot was given is not known any more once the store has forgotten it.
    if (limit === 0 || loss.happened || atMs === undefined) return null;
    const all = this.#startedMs.get(source) ?? new Map<string, number>();
    this.#startedMs.set(source, all.set(commandId, atMs));
    const within = [...all].filter(([, other]) => Math.abs(other - atMs) < HOUR_MS);
    const before = within.filter(([, other]) => other <= atMs).map(([id]) => id);
    if (before.length <= limit) return null;
    return { promise: "P7", text: `the starts ${before.join(", ")} of one source within an hour` };
  }
}
