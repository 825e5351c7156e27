import type { Brake } from "../../../../src/contract/brakes.ts";
import type { BrakeRules } from "../../../../src/core/brake-rules.ts";
import type { Hold } from "../../../../src/core/gate.ts";
import type { Order } from "../../../../src/core/order.ts";
import type { ProjectMemory } from "../memory.ts";

/** Where the gate is asked. */
export type GatePlace = "admission" | "stop" | "intent";

/** What a brake is asked with. */
export interface BrakeQuestion {
  readonly m: ProjectMemory;
  readonly order: Order;
  readonly rules: BrakeRules;
  readonly nowMs: number;
}

/** One brake, as `brakes/table.lua` says it. */
export interface TwinBrake {
  readonly name: Brake;
  readonly at: readonly GatePlace[];
  /** Null: go. */
  readonly ask: (question: BrakeQuestion) => Hold | null;
  /** Before the brakes of an admission are asked: notes what it must know later. */
  readonly before?: (question: BrakeQuestion) => void;
  /** Once no brake holds the command. */
  readonly passed?: (question: BrakeQuestion) => void;
  /** How many slots it leaves to the project; null: as many as there are. */
  readonly slots?: (question: BrakeQuestion) => number | null;
}
