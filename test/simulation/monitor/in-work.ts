import type { Order } from "../../../src/core/state/order.ts";
import type { BrakeRules } from "../../../src/core/brakes/brake-rules.ts";
import type { Objection } from "./pauses.ts";

/** F1: who is between intent and final event, by what the store was told, whatever it has forgotten since. */
export class InWork {
  readonly #groups = new Map<string, string | undefined>();
  /** The store forgot its slot, and its message could not put that back within the hold. */
  readonly #excused = new Set<string>();
  readonly #rules: BrakeRules;

  constructor(rules: BrakeRules) {
    this.#rules = rules;
  }

  /** An intent is recorded. Is a cap being passed over? Null: no. */
  begin({ commandId, group }: Pick<Order, "commandId" | "group">): Objection | null {
    this.#groups.set(commandId, group);
    const { maxRunning: cap, maxRunningPerGroup: perGroup } = this.#rules;
    const counted = [...this.#groups].filter(([id]) => !this.#excused.has(id));
    const names = (of: typeof counted) => of.map(([id]) => id).join(", ");
    if (counted.length > cap) {
      return { promise: "F1", text: `with ${names(counted)} in work; the cap is ${cap}` };
    }
    const beside = counted.filter(([, one]) => one !== undefined && one === group);
    if (perGroup > 0 && beside.length > perGroup) {
      const text = `with ${names(beside)} of ${group} in work; the group's cap is ${perGroup}`;
      return { promise: "F1", text };
    }
    return null;
  }

  /** The others. */
  beside(id: string): string[] {
    return [...this.#groups.keys()].filter((one) => one !== id && !this.#excused.has(one));
  }

  end(id: string): void {
    this.#groups.delete(id);
    this.#excused.delete(id);
  }

  excuse(id: string): void {
    if (this.#groups.has(id)) this.#excused.add(id);
  }
}
