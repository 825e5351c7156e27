import { FAULT_BUDGET, type Fault, PROCESS_FAULTS, WORLD_FAULTS } from "./faults.ts";
import type { Random } from "../random.ts";
import type { Scenario } from "../scenario.ts";

type BoundaryFault = (typeof PROCESS_FAULTS)[number] | (typeof WORLD_FAULTS)[number];

/** Decides which fault happens where, until the scenario's faults are over. */
export class Dice {
  over = false;
  readonly happened = new Map<Fault, number>();
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #boundary: readonly BoundaryFault[];

  constructor(scenario: Scenario, random: Random) {
    this.#scenario = scenario;
    this.#random = random;
    const rated = (fault: Fault) => (scenario.rates[fault] ?? 0) > 0;
    this.#boundary = [...PROCESS_FAULTS, ...WORLD_FAULTS].filter(rated);
  }

  /** Does this fault happen to this call? */
  call(fault: Fault, label: string): boolean {
    const rate = this.#scenario.rates[fault] ?? 0;
    if (this.over || rate === 0) return false;
    return this.#random.chance(Math.min(0.7, rate * this.#factor(label))) && this.#spend(fault);
  }

  /** What happens at this place, to the process there or to the world; null: nothing. */
  boundary(label: string): BoundaryFault | null {
    if (this.over || this.#boundary.length === 0) return null;
    const factor = this.#factor(label);
    let draw = this.#random.next();
    for (const fault of this.#boundary) {
      const rate = Math.min(0.3, (this.#scenario.rates[fault] ?? 0) * factor);
      if (draw < rate) return this.#spend(fault) ? fault : null;
      draw -= rate;
    }
    return null;
  }

  #factor(label: string): number {
    const focused = this.#scenario.focus.some((place) => label.startsWith(place));
    return focused ? this.#scenario.focusFactor : 1;
  }

  #spend(fault: Fault): boolean {
    const spent = this.happened.get(fault) ?? 0;
    if (spent >= (FAULT_BUDGET[fault] ?? Number.POSITIVE_INFINITY)) return false;
    this.happened.set(fault, spent + 1);
    return true;
  }
}
