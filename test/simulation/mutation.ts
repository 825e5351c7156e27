import type { Rules } from "../../src/core/rules.ts";
import type { WorkerDeps } from "../../src/deliveries/worker-deps.ts";
import type { Envelope } from "../../src/core/state/envelope.ts";
import type { StoreSwitches } from "../support/in-memory/switches.ts";
import type { PromiseName } from "./monitor/promises.ts";
import type { Scenario } from "./scenario.ts";

/** What one delivery is about, for ports that must know. */
export interface DeliveryContext {
  readonly about: string;
  /** Of a raw command: which publish it comes from. */
  readonly lineage?: number | undefined;
  /** Null: a raw command, or the sweeper. */
  readonly envelope: Envelope | null;
  readonly redelivered?: boolean;
}

/** A protocol broken on purpose: by its settings, its store or its ports; never in production code. */
export interface Mutation {
  readonly name: string;
  readonly what: string;
  /** The promises that it must be seen to break; what else breaks is passed over. */
  readonly breaks: readonly PromiseName[];
  readonly switches?: StoreSwitches;
  readonly rules?: Partial<Rules>;
  readonly rebuildHoldMs?: number;
  /** Replaces ports of one delivery's worker. */
  readonly deps?: (deps: WorkerDeps, context: DeliveryContext) => WorkerDeps;
  /** The request takes its signature when it leaves, however late. */
  readonly signAtSend?: true;
  readonly ackFirst?: true;
  /** Whatever a message of the command queue says of itself counts as ours. */
  readonly believesEmitters?: true;
  /** Narrows the scenarios to the kind where it shows. */
  readonly scenario?: (scenario: Scenario) => Scenario;
}
