import type { Order } from "../../../src/core/state/order.ts";
import { perHourOf } from "../../../src/core/intake/senders.ts";
import type { Objection } from "./pauses.ts";
import type { World } from "../world.ts";

const HOUR_MS = 3_600_000;

type Asked = Pick<Order, "commandId" | "source" | "sender">;

/** When the commands of each source, and of each sender, got the slot that they were carried out with. */
export class Starts {
  readonly #world: World;
  readonly #startedMs = new Map<string, Map<string, number>>();

  constructor(world: World) {
    this.#world = world;
  }

  /** The gate records an intent. Have more commands of its source or sender started within an hour than may? Null: no. */
  objectionTo(asked: Asked): Objection | null {
    const { brakes, senders } = this.#world.scenario;
    const { source = "", sender } = asked;
    return (
      this.#tooMany(asked, `source ${source}`, brakes.perSourcePerHour) ??
      this.#tooMany(asked, `sender ${sender}`, perHourOf(senders, sender))
    );
  }

  #tooMany({ commandId }: Asked, of: string, limit: number): Objection | null {
    const { project, loss } = this.#world;
    const atMs = project.slots.get(commandId);
    // When a slot was given is not known any more once the store has forgotten it.
    if (limit === 0 || loss.happened || atMs === undefined) return null;
    const all = this.#startedMs.get(of) ?? new Map<string, number>();
    this.#startedMs.set(of, all.set(commandId, atMs));
    const within = [...all].filter(([, other]) => Math.abs(other - atMs) < HOUR_MS);
    const before = within.filter(([, other]) => other <= atMs).map(([id]) => id);
    if (before.length <= limit) return null;
    return { promise: "P7", text: `the starts ${before.join(", ")} of the ${of} within an hour` };
  }
}
