import type { Brake } from "../../../../src/contract/brakes.ts";
import type { BrakeRules } from "../../../../src/core/brakes/brake-rules.ts";
import type { BrakeVerdict } from "../../../../src/core/brakes/hold.ts";
import type { Order } from "../../../../src/core/state/order.ts";
import type { Closed } from "../../../../src/core/brakes/windows.ts";
import type { ProjectMemory } from "../memory.ts";

/** Where the gate is asked. */
export type GatePlace = "admission" | "stop" | "intent";

/** What a brake says that does not say go. */
type Said = Exclude<BrakeVerdict, { verdict: "go" }>;

/** What a brake is asked with. */
export interface BrakeQuestion {
  readonly m: ProjectMemory;
  readonly order: Order;
  readonly rules: BrakeRules;
  /** Of the sender; 0: as many as it asks for. */
  readonly senderPerHour: number;
  readonly nowMs: number;
  /** Of a new command: when it was sent. */
  readonly askedAtMs?: number | undefined;
  /** The worker's windows are closed. */
  readonly closed: Closed | null;
}

/** One brake, as `brakes/table.lua` says it. */
export interface TwinBrake {
  readonly name: Brake;
  readonly at: readonly GatePlace[];
  /** Null: go. */
  readonly ask: (question: BrakeQuestion) => Said | null;
  /** What is said beside "go"; null: nothing. */
  readonly goes?: (question: BrakeQuestion) => object | null;
  /** Before the brakes of an admission are asked: notes what it must know later. */
  readonly before?: (question: BrakeQuestion) => void;
  /** Once no brake holds the command. */
  readonly passed?: (question: BrakeQuestion) => void;
  /** When the command gets its lock and slot. */
  readonly started?: (question: BrakeQuestion) => void;
  /** How many slots it leaves to the project, and why; null: as many as there are. */
  readonly slots?: (
    question: BrakeQuestion,
  ) => { readonly slots: number; readonly because?: string } | null;
}
