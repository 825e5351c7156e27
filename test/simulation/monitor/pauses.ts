import { approvalOf, brakeOf, protectionOf, SwitchName } from "../../../src/contract/brakes.ts";
import { CommandId, ProjectId, type ServerId } from "../../../src/contract/ids.ts";
import type { Order } from "../../../src/core/state/order.ts";
import { setPause } from "../../support/in-memory/script-operator.ts";
import { PROJECT } from "../scenario.ts";
import type { World } from "../world.ts";
import { NO_BRAKES } from "../../support/brake-rules.ts";

const BY = { by: "operator", reason: "simulated" };

/** What the gate did although a person had forbidden it. */
export interface Objection {
  readonly promise: "F1" | "F3" | "F4" | "F5" | "P7";
  readonly text: string;
}

/** A person who pauses and resumes, protects servers, and remembers what was acknowledged. */
export class Pauses {
  /** Scopes that are paused and servers that are protected, as the person knows it, and since when by the store's clock. */
  readonly #standing = new Map<SwitchName, number>();
  /** Servers that are marked in the cloud instead: no script knows of that, only a look. */
  readonly #marked = new Set<ServerId>();
  /** Commands that the person has approved. */
  readonly #approved = new Set<CommandId>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Pauses the project, one server or everything, or protects a server, and lifts that again later. */
  pauseForAWhile(): void {
    const { random, time, scenario } = this.#world;
    const { id } = random.pick(scenario.servers);
    const byMark = scenario.seed % 2 === 1;
    const scope = random.pick<SwitchName>([
      "project",
      "everything",
      `server:${id}`,
      protectionOf(id),
    ]);
    if (byMark && scope === protectionOf(id)) {
      this.#mark(id, "never");
      time.after(random.wild(1_000, 300_000), () => this.#mark(id, null));
      return;
    }
    this.#set(scope, true);
    time.after(random.wild(1_000, 300_000), () => this.#set(scope, false));
  }

  /** Approves what waits for that, sooner or later: again where the store has forgotten it. */
  approveNowAndThen(): void {
    const { random, time, project, dice, storeUp } = this.#world;
    for (const [name, record] of storeUp ? project.records : []) {
      const id = CommandId.safeParse(name);
      if (!id.success || record.outcome !== undefined || project.pauses.has(approvalOf(id.data)))
        continue;
      if (!dice.over && random.chance(0.4)) continue;
      this.#approved.add(id.data);
      this.#set(approvalOf(id.data), false);
    }
    time.after(random.wild(5_000, 60_000), () => this.approveNowAndThen());
  }

  /** The gate records an intent. Does its command need an approval that nobody has given? Null: no. */
  unapproved({ commandId, group }: Pick<Order, "commandId" | "group">): Objection | null {
    const needed = this.#world.scenario.brakes.approval.some(
      (one) => one === "all" || one === group,
    );
    if (!needed || this.#approved.has(commandId)) return null;
    return { promise: "P7", text: "although nobody has approved it" };
  }

  liftAll(): void {
    for (const scope of this.#standing.keys()) this.#set(scope, false);
    for (const id of this.#marked) this.#mark(id, null);
  }

  /** F4, F5: the gate records an intent. Is a protection or a pause being passed over? Null: no. */
  objectionTo(serverId: ServerId, atMs: number): Objection | null {
    const covering = ["project", "everything", `server:${serverId}`, protectionOf(serverId)];
    for (const [scope, sinceMs] of this.#standing) {
      if (!covering.includes(scope) || atMs <= sinceMs || this.#isForgotten(scope)) continue;
      const promise = brakeOf(scope) === "protected" ? "F4" : "F5";
      return { promise, text: `although ${scope} stands since ${atMs - sinceMs} ms` };
    }
    return null;
  }

  /** A worker has put pauses back: has one come back that was lifted, and whose end the store knew? Null: none has. */
  comeBack(): string | null {
    const { loss, project } = this.#world;
    if (loss.happened) return null;
    const back = [...project.pauses].find(([scope, { on }]) => {
      const known = SwitchName.safeParse(scope);
      return on && known.success && !this.#standing.has(known.data);
    });
    return back === undefined ? null : `${back[0]} is paused again although it was resumed`;
  }

  #mark(id: ServerId, mark: "never" | null): void {
    this.#world.cloud.setMark(id, mark);
    this.#world.trace(`operator marks ${id}: ${mark}`);
    if (mark === "never") this.#marked.add(id);
    else this.#marked.delete(id);
  }

  #set(scope: SwitchName, on: boolean): void {
    const { memory, storeUp, time } = this.#world;
    // A person whom the store does not answer tries again, and is not acknowledged before.
    if (!storeUp) {
      time.after(1_000, () => this.#set(scope, on));
      return;
    }
    const ctx = { memory, switches: {}, holdMs: 0, candidate: "", brakes: NO_BRAKES };
    const { atMs } = setPause(ctx, ProjectId.parse(PROJECT), { scope, on, ...BY });
    this.#world.trace(`operator ${on ? "pauses" : "resumes"} ${scope}`);
    if (on) this.#standing.set(scope, atMs);
    else this.#standing.delete(scope);
  }

  /** The store has lost it, and nobody who can speak remembers it: beyond what is promised (brakes.md F5). */
  #isForgotten(scope: SwitchName): boolean {
    const { project, incarnations } = this.#world;
    if (project.pauses.get(scope)?.on === true) return false;
    return !incarnations.some((one) => one.remembersPause(scope));
  }
}
